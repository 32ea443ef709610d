"""What `extreme3d models` does with networks: those of the catalogue, and others that were imported."""

from __future__ import annotations

from os.path import realpath
from pathlib import Path

from extreme3d_ros.cli.files import write_import
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.engines.catalogue import catalogue
from extreme3d_ros.engines.network import Network
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.networks.importers import bump2018, shape2018

#: Of a network's file.
SUFFIX = ".onnx"
#: What can be imported: names of the catalogue, which the files bear too.
IMPORTED = "shape2018", "bump2018"


def import_network(kind: str, source: str, out: str | None) -> int:
    """`models import KIND PATH [--out FILE]`; kind: of IMPORTED."""
    data = bump2018.import_bump2018(source) if kind == "bump2018" else shape2018.import_shape2018(source)
    entry = catalogue()[kind]
    path = write_import(data, out, entry.path)
    print(f"{path}: {entry.about}, {len(data) / 1e6:.0f} MB, ONNX Runtime's results are PyTorch's")
    print("use it with --profile extreme3d, or as the parameter profile of both nodes")
    return 0


def known_networks() -> list[Path]:
    """Files of the catalogue, whether they are there or not unless they are to be imported, and all others that lie
    in the folder of imported networks. Raises InputError where the user's catalogue is wrong."""
    entries = catalogue().values()
    wanted = [entry.path for entry in entries if entry.path.exists() or entry.name not in IMPORTED]
    return [*wanted, *(path for path in sorted(networks_folder().glob(f"*{SUFFIX}")) if path not in wanted)]


def network_rows() -> list[tuple[str, ...]]:
    """The table of `models list`."""
    entries = {entry.path: entry for entry in catalogue().values()}
    others = [(path.stem, _megabytes(path), "-", str(path)) for path in known_networks() if path not in entries]
    return [("network", "MB", "profiles", "file"), *map(_row, entries.values()), *others]


def network_notes() -> list[str]:
    """What else `models list` says of the catalogue's networks, a line each."""
    return [
        f"{entry.name}: {entry.about}; from {entry.origin}; licence: {entry.licence}; takes {entry.preprocessing}"
        for entry in catalogue().values()
    ]


def verify_network(path: Path) -> str:
    """Checks a network's file; gives what there is to say. Raises ModelFileError where it isn't sound."""
    entry = next((entry for entry in catalogue().values() if realpath(entry.path) == realpath(path)), None)
    if entry is None or entry.name in IMPORTED:
        return _verified_import(path)
    entry.verify()
    entry.open_shapes(OnnxEngine(path).shapes)
    return f"{entry.about}, {entry.origin}" + (", its SHA-256 is the catalogue's" if entry.sha256 else "")


def _verified_import(path: Path) -> str:
    """Runs an imported network once."""
    # Imported here: their kernels take time that importing and listing do without.
    from extreme3d_ros.stages.published_bump import PublishedBump
    from extreme3d_ros.stages.shape_network import ShapeNetwork

    kind = OnnxEngine(path).metadata.get("name")
    if kind not in IMPORTED:
        raise ModelFileError(f"{path} is no network that `extreme3d models import` has made: import it again")
    network = PublishedBump(path) if kind == "bump2018" else ShapeNetwork(path)
    return f"{catalogue()[kind].about}, {network.origin}"


def _row(entry: Network) -> tuple[str, ...]:
    profiles = ", ".join(entry.profiles) or "-"
    if not entry.path.exists():
        return entry.name, "-", profiles, f"not there: {entry.remedy}"
    return entry.name, _megabytes(entry.path), profiles, str(entry.path)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.0f}"
