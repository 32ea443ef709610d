"""`python -m training.foundation`: renders heads, trains the foundation network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.networks.foundation import BACKBONES
from training.command import out_of, parser_of, plan_of, rendered, tell
from training.foundation import renders
from training.foundation.export import export
from training.foundation.train import train

#: Of the renders; other scripts take those below.
_FIRST_SEED = 10_000
_RATE = 2e-3


def main():
    parser = parser_of("foundation", __doc__, "build/foundation", epochs=24, batch=128)
    parser.add_argument("--renders", type=int, default=40_000, help="heads to render")
    parser.add_argument("--backbone", choices=list(BACKBONES), default="light")
    parser.add_argument("--size", type=int, default=128, help="side of the network's window in pixels")
    arguments = parser.parse_args()
    files = rendered(arguments, _FIRST_SEED, renders.IN_A_FILE, renders.sample)
    name = f"{arguments.backbone}-{arguments.size}"
    plan, model = plan_of(arguments, name, _RATE), load_face_model()
    network, figures = train(plan, arguments.backbone, arguments.size, model, files)
    out = out_of(arguments, name)
    export(network, model, arguments.size, figures, out)
    tell(out)


if __name__ == "__main__":
    main()
