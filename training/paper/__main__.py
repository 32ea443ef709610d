"""`python -m training.paper WHAT`: trains one of the paper's three networks on the foundation network's renders and
exports it; goes on where it stopped. For users with a GPU who want the paper's road without landmarks, and for
comparison: what the package runs takes pose and expression from the fit, which is better."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from extreme3d_ros.face_model import load_face_model
from training.loop import plan_of
from training.paper.lessons import BACKBONES, lesson_of
from training.paper.train import export, train


def main():
    parser = argparse.ArgumentParser(prog="python -m training.paper", description=__doc__)
    parser.add_argument("what", choices=["shape", "expression", "pose"])
    parser.add_argument("--folder", type=Path, default=Path("build/foundation"), help="of renders and checkpoints")
    parser.add_argument("--backbone", choices=list(BACKBONES), default="paper", help="light: for a CPU")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, help="highest learning rate; default: the network's")
    parser.add_argument("--processes", type=int, default=2, help="that prepare batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; default: into --folder")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("????????.npz"))
    if not files:
        parser.error(f"no renders in {arguments.folder}: make them with `python -m training.foundation`")
    model = load_face_model()
    lesson = lesson_of(arguments.what, model)
    name = f"{arguments.what}-{arguments.backbone}"
    plan = plan_of(arguments, name, arguments.rate or lesson.rate)
    network, figures = train(plan, arguments.backbone, lesson, model, files)
    out = arguments.out or arguments.folder / f"{name}.onnx"
    export(network, lesson, model, figures, out)
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
