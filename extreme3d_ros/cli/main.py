"""The command line `extreme3d` (CONTRACT.md)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module

from extreme3d_ros import __version__
from extreme3d_ros.cli.interruption import sigterm_unwinds
from extreme3d_ros.errors import Extreme3DError
from extreme3d_ros.profiles import ABOUT, PROFILES


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with sigterm_unwinds():
            return _command(arguments.command)(arguments)
    except Extreme3DError as error:
        print(f"extreme3d: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function of a module's name in it; imported only now: each needs seconds that the others do without."""
    return getattr(import_module(f"extreme3d_ros.cli.{name}"), name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("extreme3d", description="Detailed 3D faces from images, through occlusions.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_reconstruct(commands.add_parser("reconstruct", help="meshes of the faces in images and films"))
    _add_run(commands.add_parser("run", help="both ROS 2 nodes at work on an image, a video, a camera or a topic"))
    _add_bench(commands.add_parser("bench", help="the time that each stage takes on this machine"))
    _add_engines(commands.add_parser("engines", help="TensorRT's plans; what runs the networks, checked and timed"))
    _add_models(commands.add_parser("models", help="import, list and check face models and networks"))
    _add_references(commands.add_parser("references", help="the gallery of faces that hole filling borrows from"))
    return parser


def _add_reconstruct(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="an image, a video, or a camera's number, of which a film is made"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results; made if need be")
    parser.add_argument("--faces", choices=["largest", "all"], default="largest")
    parser.add_argument("--seconds", type=float, help="of a film, no more than that; a camera's ends at Ctrl-C else")
    parser.add_argument("--ply", action="store_true", help="of a film, a PLY file a frame instead of an animated GLB")
    parser.add_argument(
        "--same-person",
        action="store_true",
        help="the images' largest faces are one person's: each tells of the shape, which all of them get",
    )
    parser.add_argument("--camera-info", metavar="YAML", help="calibration in the format of ROS camera_calibration")
    parser.add_argument("--no-complete", action="store_true", help="stop before hole filling and soft symmetry")
    parser.add_argument(
        "--zipped",
        action="store_true",
        help="a final mesh with a vertex a pixel where the face is seen; else it has the same triangles for every face",
    )
    _add_engine_options(parser)
    _add_references_option(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar, and nothing said of films")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        default="astronaut",
        help="an image, a video, a camera's number, an image topic (/...), or 'astronaut' (scikit-image's picture)",
    )
    parser.add_argument(
        "--rate", type=float, default=0.0, help="images a second; default: the video's or camera's own, 15 of stills"
    )
    parser.add_argument("--seconds", type=float, help="stop after so many seconds of meshes; else at Ctrl-C")
    parser.add_argument("--out", metavar="DIR", help="folder for the last mesh, its figure and the table of rates")
    _add_engine_options(parser)
    _add_references_option(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", help="an image with a face; default: scikit-image's astronaut at 640 x 480")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    _add_engine_options(parser)


def _add_engines(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    build = actions.add_parser("build", help="make TensorRT's plans, or see that they are there")
    actions.add_parser("list", help="the plans that there are, and whether they are good for this machine")
    check = actions.add_parser(
        "check", help="compare engines with ONNX Runtime on the CPU; ends with 4 where they differ"
    )
    bench = actions.add_parser("bench", help="time engines, and ONNX Runtime on the CPU beside them")
    for action in (build, check, bench):
        action.add_argument("networks", nargs="*", metavar="NETWORK", help="as `extreme3d models list` names them")
        action.add_argument("--profile", choices=list(PROFILES), help="the networks of a profile; default: default")
        _add_device_options(action, "cuda" if action is build else "auto")
    for action in (check, bench):
        action.add_argument("--image", help="an image with a face to show them; default: scikit-image's astronaut")
    bench.add_argument("--runs", type=int, default=50)
    bench.add_argument("--json", action="store_true")


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    add = actions.add_parser("import", help="convert a face model or a network of others")
    # The keys of face_model.importers.KINDS, whose import would cost every command its time, and the network.
    add.add_argument(
        "kind", choices=["bfm2009", "deep3d", "ict", "shape2018", "bump2018"], help="what PATH is; see the README"
    )
    add.add_argument("path", metavar="PATH", help="the model's file, or its folder (ict, shape2018, bump2018)")
    add.add_argument(
        "--out",
        metavar="FILE",
        help="default: models/KIND.npz or, of a network, networks/KIND.onnx in ~/.local/share/extreme3d_ros",
    )
    actions.add_parser("list", help="face models and networks: the shipped, the imported, your own")
    verify = actions.add_parser("verify", help="check models' and networks' files")
    verify.add_argument("file", nargs="?", metavar="FILE", help="default: all that `list` shows and that is there")


def _add_references(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    build = actions.add_parser("build", help="enter the clear faces of a folder's images, the largest of each")
    build.add_argument("images", metavar="IMAGE_DIR", help="a folder of images")
    build.add_argument("--out", metavar="FOLDER", help=f"the gallery; {_REFERENCES}")
    build.add_argument("--append", action="store_true", help="add to the gallery that is there")
    build.add_argument(
        "--feature-network",
        metavar="ONNX",
        help="a face embedding network, which is copied into the gallery; default: that of the gallery that is added "
        "to, or the foundation's shape",
    )
    _add_model_options(build)
    info = actions.add_parser("info", help="how many faces, of which face model, seen from where")
    check = actions.add_parser("check", help="read all of a gallery; says whether it is sound")
    for action in (info, check):
        action.add_argument("folder", nargs="?", metavar="FOLDER", help=_REFERENCES)


_REFERENCES = "default: ~/.local/share/extreme3d_ros/references"


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    _add_device_options(parser, "auto")


def _add_device_options(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--device",
        default=default,
        help="what runs the networks: cpu, cuda or cuda:N, or auto, an NVIDIA GPU where there is one; default: "
        f"{default}",
    )
    parser.add_argument(
        "--precision", choices=["fp32", "fp16"], default="fp32", help="of TensorRT's engines; others run in fp32"
    )


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--face-model", metavar="FILE", default="", help="default: the profile's")
    parser.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="default",
        help=ABOUT,
    )


def _add_references_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--references",
        metavar="FOLDER",
        default="",
        help="the gallery of faces that hole filling borrows from, or none; default: "
        "~/.local/share/extreme3d_ros/references if it is there and suits the face model, else the shipped one",
    )
