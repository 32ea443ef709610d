"""`python -m training.foundation`: renders heads, trains the foundation network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.networks.foundation import BACKBONES
from training.foundation import renders
from training.foundation.export import export
from training.foundation.train import train
from training.loop import plan_of

#: Of the renders; other scripts take those below.
_FIRST_SEED = 10_000


def main():
    parser = argparse.ArgumentParser(prog="python -m training.foundation", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/foundation"), help="of renders and checkpoints")
    parser.add_argument("--renders", type=int, default=40_000, help="heads to render")
    parser.add_argument("--backbone", choices=list(BACKBONES), default="light")
    parser.add_argument("--size", type=int, default=128, help="side of the network's window in pixels")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--processes", type=int, default=2, help="that render, and that prepare batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; default: into --folder")
    arguments = parser.parse_args()
    made = renders.make(arguments.folder, _FIRST_SEED, arguments.renders, arguments.processes)
    files = []
    for file in made:
        files.append(file)
        print(f"renders: {file}", flush=True)
    name = f"{arguments.backbone}-{arguments.size}"
    plan = plan_of(arguments, name, arguments.rate)
    model = load_face_model()
    network, figures = train(plan, arguments.backbone, arguments.size, model, sorted(files))
    out = arguments.out or arguments.folder / f"{name}.onnx"
    export(network, model, arguments.size, figures, out)
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
