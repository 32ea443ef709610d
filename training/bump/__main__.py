"""`python -m training.bump`: renders heads, trains the bump network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from training.bump import photographs, renders
from training.bump.export import export
from training.bump.train import train
from training.loop import plan_of

#: Of the renders; other scripts take those below, and those above 1,000,000 are for measuring.
_FIRST_SEED = 100_000


def main():
    parser = argparse.ArgumentParser(prog="python -m training.bump", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bump"), help="of renders and checkpoints")
    parser.add_argument("--renders", type=int, default=8_000, help="heads to render")
    parser.add_argument("--photographs", type=Path, help="folder of unhidden faces, taught by shape from shading")
    parser.add_argument("--width", type=float, default=0.5, help="of the network, over Table 2's; 1 wants a GPU")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--processes", type=int, default=2, help="that render, and that prepare batches")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--start", type=Path, help="checkpoint of another training, to go on from its weights")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; default: into --folder")
    arguments = parser.parse_args()
    files = []
    for file in renders.make(arguments.folder, _FIRST_SEED, arguments.renders, arguments.processes):
        files.append(file)
        print(f"renders: {file}", flush=True)
    if arguments.photographs:
        files.insert(0, arguments.folder / "photographs.npz")
        print(f"photographs: {photographs.make(arguments.photographs, files[0])} faces", flush=True)
    name = f"width-{arguments.width:g}"
    network, figures = train(plan_of(arguments, name, arguments.rate), arguments.width, files, arguments.start)
    out = arguments.out or arguments.folder / f"{name}.onnx"
    export(network, figures, out)
    out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
