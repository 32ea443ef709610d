"""Samples kept as files, so that what was rendered once is not rendered again."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np

Row = dict[str, np.ndarray]


def write(path: Path, rows: list[Row]) -> None:
    """Writes samples of equal arrays, one file, whole or not at all."""
    written = path.with_suffix(".part.npz")
    np.savez(written, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
    written.rename(path)


def make(folder: Path, first: int, count: int, in_a_file: int, processes: int, row: Callable[[int], Row | None]):
    """Files of the seeds first, first + 1, ... (those already there are kept); yields each as it is done.

    row: the sample of a seed, a function of a module, None where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, seed, in_a_file, row) for seed in range(first, first + count, in_a_file)]
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_file, jobs)


def _file(job) -> Path:
    folder, first, in_a_file, row = job
    path = folder / f"{first:08d}.npz"
    if not path.exists():
        write(path, [found for found in map(row, range(first, first + in_a_file)) if found])
    return path
