"""What `extreme3d models` does with networks; they lie in networks/ beside the face models' folder."""

from __future__ import annotations

from pathlib import Path

from extreme3d_ros.cli.files import output_folder
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.output.atomic import write_bytes

#: Of an imported network's file.
SUFFIX = ".onnx"
#: What can be imported.
SHAPE2018 = "shape2018"


def import_network(source: str, out: str | None) -> int:
    """`models import shape2018 PATH [--out FILE]`."""
    from extreme3d_ros.networks.importers.shape2018 import import_shape2018

    data = import_shape2018(source)
    path = Path(out) if out else networks_folder() / f"{SHAPE2018}{SUFFIX}"
    output_folder(str(path.parent))
    write_bytes(path, data)
    print(f"{path}: identity network, {len(data) / 1e6:.0f} MB, ONNX Runtime's results are PyTorch's")
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
    from extreme3d_ros.stages.shape_network import ShapeNetwork

    return f"identity network, {ShapeNetwork(path).origin}"
