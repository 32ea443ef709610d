"""What `extreme3d models` does with networks; they lie in networks/ beside the face models' folder."""

from __future__ import annotations

from pathlib import Path

from extreme3d_ros.cli.files import output_folder
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.output.atomic import write_bytes

#: Of an imported network's file.
SUFFIX = ".onnx"
#: What can be imported, and what it is.
SHAPE2018, BUMP2018 = "shape2018", "bump2018"
NETWORKS = {SHAPE2018: "identity network", BUMP2018: "bump network"}


def import_network(kind: str, source: str, out: str | None) -> int:
    """`models import KIND PATH [--out FILE]`; kind: of NETWORKS."""
    data = _imported(kind, source)
    path = Path(out) if out else networks_folder() / f"{kind}{SUFFIX}"
    output_folder(str(path.parent))
    write_bytes(path, data)
    print(f"{path}: {NETWORKS[kind]}, {len(data) / 1e6:.0f} MB, ONNX Runtime's results are PyTorch's")
    print("use it with --profile extreme3d, or as the parameter profile of both nodes")
    return 0


def known_networks() -> list[Path]:
    """All imported ones."""
    return sorted(networks_folder().glob(f"*{SUFFIX}"))


def network_rows() -> list[tuple[str, ...]]:
    """The table of `models list`; empty where there is no network."""
    rows = [(path.stem, f"{path.stat().st_size / 1e6:.0f}", str(path)) for path in known_networks()]
    return [("network", "MB", "file"), *rows] if rows else []


def verify_network(path: Path) -> str:
    """Runs a network once; gives what there is to say. Raises ModelFileError where it isn't sound."""
    from extreme3d_ros.engines import OnnxEngine

    kind = OnnxEngine(path).metadata.get("name")
    if kind not in NETWORKS:
        raise ModelFileError(f"{path} is no network that `extreme3d models import` has made: import it again")
    return f"{NETWORKS[kind]}, {_stage(kind)(path).origin}"


def _imported(kind: str, source: str) -> bytes:
    if kind == BUMP2018:
        from extreme3d_ros.networks.importers.bump2018 import import_bump2018

        return import_bump2018(source)
    from extreme3d_ros.networks.importers.shape2018 import import_shape2018

    return import_shape2018(source)


def _stage(kind: str):
    """The class that runs a kind's file."""
    if kind == BUMP2018:
        from extreme3d_ros.stages.published_bump import PublishedBump

        return PublishedBump
    from extreme3d_ros.stages.shape_network import ShapeNetwork

    return ShapeNetwork
