"""What the commands that train a network have in common: their options, and what follows from them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from extreme3d_ros.output.atomic import write_bytes
from training.loop import Plan


def parser_of(name: str, doc: str, folder: str, epochs: int, batch: int) -> ArgumentParser:
    """The parser of `python -m training.NAME`; doc: the module's; the others: what the options are by default."""
    parser = ArgumentParser(prog=f"python -m training.{name}", description=doc)
    parser.add_argument("--folder", type=Path, default=Path(folder), help="of renders, checkpoints and the ONNX file")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--processes", type=int, default=2, help="that render, and that prepare batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def plan_of(options: Namespace, name: str, rate: float) -> Plan:
    """The plan of the options. name: of the files in its folder; rate: the network's highest learning rate."""
    checkpoint = options.folder / f"{name}.pth"
    return Plan(options.epochs, options.batch, rate, options.processes, options.device, checkpoint)


def write(plan: Plan, onnx: bytes) -> None:
    """Writes the ONNX file of a trained network beside its checkpoint, and says so."""
    out = write_bytes(plan.checkpoint.with_suffix(".onnx"), onnx)
    print(f"wrote {out} ({len(onnx) / 1e6:.1f} MB)")
