"""The numbers of a pickled PyTorch module or state dict, read in a process of its own.

Both of `torch.save`'s formats are read: the stream of pickles of all releases before 1.6, also as Python 2 wrote it,
and the zip archive since.

`python -m extreme3d_ros.networks.importers.checkpoint SOURCE TARGET` is that process.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from extreme3d_ros.networks.importers.unpickling import StandIn, Tensor, Unpickler
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.confined import answer, read_confined
from extreme3d_ros.untrusted.npz import LARGEST

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"
#: What a layer's stand-in may tell of itself, where it is a number or a few.
_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "groups", "eps", "ceil_mode")
#: Dicts and modules within each other; a module's parts are in dicts.
_DEEPEST = 50


@dataclass(frozen=True)
class Checkpoint:
    """tensors: in the file's order, by the names that lead to them, joined by dots: of a module as in its state dict;
    settings: by `layer.name` a module's hyperparameters, which a state dict does not tell."""

    tensors: dict[str, np.ndarray]
    settings: dict[str, np.ndarray]


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a file of `torch.save`: a module, a state dict, or dicts that hold such. Raises Broken."""
    numbers = read_confined(__name__, str(path.absolute()))
    return Checkpoint(_under("tensors/", numbers), _under("settings/", numbers))


def _under(prefix: str, numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in numbers.items() if name.startswith(prefix)}


def numbers_of(file: BinaryIO) -> dict[str, np.ndarray]:
    """What the process does: `tensors/NAME` and `settings/NAME` of a seekable file. Raises Broken, and whatever pickle
    and zipfile do."""
    start = file.read(len(_ZIP))
    file.seek(0)
    root = _read_zip(file) if start == _ZIP else _read_stream(file)
    if not isinstance(root, dict) and not isinstance(type(root), StandIn):
        raise Broken("it holds no module and no state dict")
    return dict(_numbers(root, "", 0))


def _read_stream(file):
    """Magic number, protocol, the machine's sizes, the tree, the storages' names; then their numbers."""
    if Unpickler(file).load() != _MAGIC or Unpickler(file).load() != _PROTOCOL:
        raise Broken("it is no file of torch.save")
    if not Unpickler(file).load().get("little_endian"):
        raise Broken("it is big-endian")
    unpickler = Unpickler(file)
    root = unpickler.load()
    names, storages = Unpickler(file).load(), unpickler.storages
    if sum(storage.size for storage in storages.values()) > LARGEST:
        raise Broken(f"its numbers take more than {LARGEST >> 20} MB")
    if sorted(map(str, names)) != sorted(storages):
        raise Broken("its storages are not those of its tensors")
    for name in names:
        storage = storages[str(name)]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise Broken("a storage is not as long as its tensors say, or the file is cut off")
        storage.data = file.read(storage.size)
        if len(storage.data) != storage.size:
            raise Broken("it is cut off")
    return root


def _read_zip(file):
    """FOLDER/data.pkl holds the tree, FOLDER/data/NAME a storage's numbers."""
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Broken("it is no file of torch.save")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise Broken("it is big-endian")
        if sum(info.file_size for info in archive.infolist()) > LARGEST:
            raise Broken(f"it unpacks to more than {LARGEST >> 20} MB")
        unpickler = Unpickler(io.BytesIO(archive.read(pickles[0])))
        root = unpickler.load()
        for name, storage in unpickler.storages.items():
            storage.data = archive.read(f"{folder}data/{name}")
            if len(storage.data) != storage.size:
                raise Broken("a storage is not as long as its tensors say")
    return root


def _numbers(part: object, path: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    """Of a tensor, or of a dict or module and all within. path: the names that led here, a dot behind each."""
    if depth > _DEEPEST:
        raise Broken("it is nested too deeply")
    if isinstance(part, Tensor):
        yield f"tensors/{path[:-1]}", part.array()
    elif isinstance(part, dict):
        for name, child in part.items():
            if isinstance(name, str):  # an optimizer's numbered tensors are none of a network's
                yield from _numbers(child, f"{path}{name}.", depth + 1)
    elif isinstance(type(part), StandIn):
        yield from _numbers_of_module(vars(part), path, depth)


def _numbers_of_module(state: dict, path: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    buffers, passing = state.get("_buffers", {}), state.get("_non_persistent_buffers_set", ())
    lasting = {name: buffer for name, buffer in buffers.items() if name not in passing}
    for parts in (state.get("_parameters"), lasting, state.get("_modules")):
        yield from _numbers(parts, path, depth + 1)
    for name in _SETTINGS:
        value = state.get(name)
        values = value if isinstance(value, tuple | list) else (value,)
        if len(values) <= 2 and all(type(number) in (int, float, bool) for number in values):
            yield f"settings/{path}{name}", np.array(values, np.float64)


def _main(source: str, target: str) -> int:
    with open(source, "rb") as file:
        return answer(lambda: numbers_of(file), target)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
