"""`python -m training.foundation`: renders heads, trains the foundation network on them and exports it.

Everything is kept under --folder: renders that are there are not made again, and training goes on where it stopped.
"""

from __future__ import annotations

from extreme3d_ros.face_model import load_face_model
from training.command import parser_of, plan_of, write
from training.foundation import renders
from training.foundation.train import export, train
from training.kept_files import rendered

#: Of the renders; other scripts take those below.
_FIRST_SEED = 10_000
_RATE = 2e-3
#: Side of the network's window in pixels.
_SIZE = 128


def main():
    parser = parser_of("foundation", __doc__, "build/foundation", epochs=24, batch=128)
    parser.add_argument("--renders", type=int, default=40_000, help="heads to render")
    arguments = parser.parse_args()
    files = rendered(arguments, _FIRST_SEED, renders.IN_A_FILE, renders.sample)
    plan, model = plan_of(arguments, "foundation", _RATE), load_face_model()
    network, figures = train(plan, _SIZE, model, files)
    write(plan, export(network, model, _SIZE, figures))


if __name__ == "__main__":
    main()
