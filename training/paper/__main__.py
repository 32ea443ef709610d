"""`python -m training.paper WHAT`: trains one of the paper's three networks on the foundation network's renders and
exports it; goes on where it stopped. For users with a GPU who want the paper's road without landmarks, and for
comparison: what the package runs takes pose and expression from the fit, which is better."""

from __future__ import annotations

from extreme3d_ros.face_model import load_face_model
from training.command import parser_of, plan_of, write
from training.paper.lessons import BACKBONES, lesson_of
from training.paper.train import export, train


def main():
    parser = parser_of("paper", __doc__, "build/foundation", epochs=24, batch=128)
    parser.add_argument("what", choices=["shape", "expression", "pose"])
    parser.add_argument("--backbone", choices=list(BACKBONES), default="paper", help="light: for a CPU")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("????????.npz"))
    if not files:
        parser.error(f"no renders in {arguments.folder}: make them with `python -m training.foundation`")
    model = load_face_model()
    lesson = lesson_of(arguments.what, model)
    plan = plan_of(arguments, f"{arguments.what}-{arguments.backbone}", lesson.rate)
    network, figures = train(plan, arguments.backbone, lesson, model, files)
    write(plan, export(network, lesson, model, figures))


if __name__ == "__main__":
    main()
