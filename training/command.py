"""What the commands that train a network have in common: their options, their renders, and where they write."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from training import kept_files
from training.loop import Plan


def parser_of(name: str, doc: str, folder: str, epochs: int, batch: int) -> argparse.ArgumentParser:
    """The parser of `python -m training.NAME`; doc: the module's; the others: what the options are by default."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{name}", description=doc)
    parser.add_argument("--folder", type=Path, default=Path(folder), help="of renders and checkpoints")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, help="highest learning rate; default: the network's")
    parser.add_argument("--processes", type=int, default=2, help="that render, and that prepare batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; default: into --folder")
    return parser


def rendered(
    arguments: argparse.Namespace, first: int, in_a_file: int, sample: Callable[[int], kept_files.Row | None]
) -> list[Path]:
    """The files of --renders seeds from `first` on; those that are there are not made again. sample: see kept_files."""
    files = []
    for file in kept_files.make(arguments.folder, first, arguments.renders, in_a_file, arguments.processes, sample):
        files.append(file)
        print(f"renders: {file}", flush=True)
    return files


def plan_of(arguments: argparse.Namespace, name: str, rate: float) -> Plan:
    """The plan of the options. name: of the files in its folder; rate: the network's own."""
    return Plan(
        epochs=arguments.epochs,
        batch=arguments.batch,
        rate=arguments.rate or rate,
        workers=arguments.processes,
        device=arguments.device,
        checkpoint=arguments.folder / f"{name}.pth",
        log=arguments.folder / f"{name}.jsonl",
    )


def out_of(arguments: argparse.Namespace, name: str) -> Path:
    """The ONNX file to write. name: of the files in the folder."""
    return arguments.out or arguments.folder / f"{name}.onnx"


def tell(out: Path) -> None:
    """Says what was written."""
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")
