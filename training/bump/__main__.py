"""`python -m training.bump`: renders heads, trains the bump network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

from training.bump import photographs, renders
from training.bump.train import export, train
from training.command import parser_of, plan_of, write
from training.kept_files import rendered

#: Of the renders; other scripts take those below, and those above 1,000,000 are for measuring.
_FIRST_SEED = 100_000
_RATE = 1e-3


def main():
    parser = parser_of("bump", __doc__, "build/bump", epochs=10, batch=16)
    parser.add_argument("--renders", type=int, default=8_000, help="heads to render")
    parser.add_argument("--photographs", type=Path, help="folder of unhidden faces, taught by shape from shading")
    parser.add_argument("--width", type=float, default=0.5, help="of the network, over Table 2's; 1 wants a GPU")
    arguments = parser.parse_args()
    files = rendered(arguments, _FIRST_SEED, renders.IN_A_FILE, renders.sample)
    if arguments.photographs:
        files.insert(0, arguments.folder / "photographs.npz")
        print(f"photographs: {photographs.make(arguments.photographs, files[0])} faces", flush=True)
    plan = plan_of(arguments, f"width-{arguments.width:g}", _RATE)
    network, figures = train(plan, arguments.width, files)
    write(plan, export(network, figures))


if __name__ == "__main__":
    main()
