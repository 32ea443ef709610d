"""`python -m training.bump`: renders heads, trains the bump network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

import json
from pathlib import Path

from training.bump import photographs, renders
from training.bump.export import export
from training.bump.train import train
from training.command import out_of, parser_of, plan_of, rendered, tell

#: Of the renders; other scripts take those below, and those above 1,000,000 are for measuring.
_FIRST_SEED = 100_000
_RATE = 1e-3


def main():
    parser = parser_of("bump", __doc__, "build/bump", epochs=10, batch=16)
    parser.add_argument("--renders", type=int, default=8_000, help="heads to render")
    parser.add_argument("--photographs", type=Path, help="folder of unhidden faces, taught by shape from shading")
    parser.add_argument("--width", type=float, default=0.5, help="of the network, over Table 2's; 1 wants a GPU")
    parser.add_argument("--start", type=Path, help="checkpoint of another training, to go on from its weights")
    arguments = parser.parse_args()
    files = rendered(arguments, _FIRST_SEED, renders.IN_A_FILE, renders.sample)
    if arguments.photographs:
        files.insert(0, arguments.folder / "photographs.npz")
        print(f"photographs: {photographs.make(arguments.photographs, files[0])} faces", flush=True)
    name = f"width-{arguments.width:g}"
    network, figures = train(plan_of(arguments, name, _RATE), arguments.width, files, arguments.start)
    out = out_of(arguments, name)
    export(network, figures, out)
    out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    tell(out)


if __name__ == "__main__":
    main()
