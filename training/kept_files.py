"""Samples kept as files, so that what was rendered once is not rendered again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from extreme3d_ros.output.atomic import placed_when_whole

Row = dict[str, np.ndarray]


def rendered(options: Namespace, first: int, in_a_file: int, sample: Callable[[int], Row | None]) -> list[Path]:
    """The files of the seeds first, first + 1, ...; those that are there are not made again.

    options: of training/command.py, and `renders`, how many seeds; sample: that of a seed, a function of a module, None
    where there is none.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    seeds = range(first, first + options.renders, in_a_file)
    files = []
    with get_context("spawn").Pool(options.processes) as pool:
        for file in pool.imap(_file, [(options.folder, seed, in_a_file, sample) for seed in seeds]):
            print(f"renders: {file}", flush=True)
            files.append(file)
    return files


def _file(job) -> Path:
    folder, first, in_a_file, sample = job
    path = folder / f"{first:08d}.npz"
    if not path.exists():
        write(path, [found for found in map(sample, range(first, first + in_a_file)) if found])
    return path


def write(path: Path, rows: list[Row]) -> None:
    """Writes samples of equal arrays, one file, whole or not at all."""
    with placed_when_whole(path) as written:
        np.savez(written, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
