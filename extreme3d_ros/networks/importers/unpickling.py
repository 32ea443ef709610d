"""The weights of a pickled PyTorch module or state dict, without running anything that its file asks for.

Such a file (`torch.save(module, path)`) is a pickle, and a pickle is a program: unpickled plainly it calls whatever it
names. Here its classes become empty stand-ins that cannot be called, a tensor becomes a note of where its numbers lie,
and any other name is refused. So neither PyTorch nor the module's own source is needed. Both of PyTorch's formats are
read: the stream of pickles of all releases before 1.6, also as Python 2 wrote it, and the zip archive since.

`python -m extreme3d_ros.networks.importers.unpickling CONTENT SOURCE TARGET` does it in a process of limited memory and
time and writes an npz file: `tensors/NAME`, as the module's state dict names them, and `settings/NAME`, the layers'
strides and the like. CONTENT: `module`, or `state` for a state dict, which has no settings.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from extreme3d_ros.untrusted.confined import answer
from extreme3d_ros.untrusted.npz import LARGEST

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"
_DTYPES = {
    **{"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BoolStorage": "?"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1"},
}
#: What a layer's stand-in may tell of itself, where it is a number or a few.
_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "groups", "eps", "ceil_mode")
_DEEPEST = 50


class Refused(Exception):
    """The file asks for what is not granted, or is not what it should be; the message says why in a few words."""


class Storage:
    """A run of numbers; their bytes are known once the whole file is read."""

    def __init__(self, dtype: str, count: int):
        if type(count) is not int or not 0 <= count * np.dtype(dtype).itemsize <= LARGEST:
            raise Refused("a tensor of unbelievable size")
        self.dtype, self.count, self.data = np.dtype(dtype), count, b""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.dtype.itemsize


class Tensor:
    """Where a tensor's numbers lie: offset and strides in numbers of its storage."""

    def __init__(self, storage, offset, shape, strides, *_):
        whole = (offset, *shape, *strides)
        if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > 8:
            raise Refused("a tensor without storage, shape and strides")
        if not all(type(number) is int and number >= 0 for number in whole):
            raise Refused("a tensor's shape or strides are no whole numbers")
        last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides))
        count = 1
        for side in shape:
            count *= side
        # A tensor larger than its storage repeats numbers: a few bytes could claim all memory.
        if count and (last >= storage.count or count > storage.count):
            raise Refused("a tensor reaches beyond its storage")
        self._storage, self._offset, self._shape, self._strides = storage, offset, shape, strides

    def __setstate__(self, state):
        """Parameters of PyTorch before 0.4 come with a state, of which nothing is needed."""

    def array(self) -> np.ndarray:
        """Its numbers."""
        flat = np.frombuffer(self._storage.data, self._storage.dtype)
        if not np.prod(self._shape):
            return np.empty(self._shape, flat.dtype)
        steps = [stride * flat.itemsize for stride in self._strides]
        return np.lib.stride_tricks.as_strided(flat[self._offset :], self._shape, steps, writeable=False)


class StandIn(type):
    """A class whose objects hold what the file says of them, and which itself does nothing."""

    def __call__(cls, *_, **__):
        raise Refused(f"it calls {cls.__name__}")


def _parameter(tensor, *_):
    if not isinstance(tensor, Tensor):
        raise Refused("a parameter that is no tensor")
    return tensor


#: All that a file may call: names of both Pythons and of all PyTorches.
_GRANTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.nn.parameter", "Parameter"): _parameter,
    ("torch.nn.backends.thnn", "_get_thnn_function_backend"): lambda: None,
}


class Unpickler(pickle.Unpickler):
    """Unpickles a module's tree into stand-ins."""

    def __init__(self, file: BinaryIO):
        super().__init__(file, encoding="latin-1")  # Python 2's strings: any byte is a letter of it
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _GRANTED:
            return _GRANTED[module, name]
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        top = module.partition(".")[0]
        of_torch = top == "torch" and not module.startswith("torch.nn.")
        if of_torch or top in sys.stdlib_module_names or top == "__builtin__":
            raise Refused(f"it asks for {module}.{name}")
        return StandIn(f"{module}.{name}", (), {})

    def persistent_load(self, key: Any) -> Any:
        kind, value, *rest = key
        if kind == "module" and isinstance(value, StandIn):  # a class, with its source
            return value
        if kind != "storage" or value not in _DTYPES.values() or (len(rest) > 3 and rest[3] is not None):
            raise Refused("a reference that is no storage")
        name, _, count = rest[:3]
        return self.storages.setdefault(str(name), Storage(value, count))


def read(file: BinaryIO) -> object:
    """The root of a module's tree, its tensors filled. file: binary, seekable."""
    start = file.read(len(_ZIP))
    file.seek(0)
    return _read_zip(file) if start == _ZIP else _read_stream(file)


def _read_stream(file):
    """Magic number, protocol, the machine's sizes, the module, the storages' names; then their numbers."""
    if Unpickler(file).load() != _MAGIC or Unpickler(file).load() != _PROTOCOL:
        raise Refused("it is no file of torch.save")
    if not Unpickler(file).load().get("little_endian"):
        raise Refused("it is big-endian")
    unpickler = Unpickler(file)
    root = unpickler.load()
    names = Unpickler(file).load()
    _check_size(unpickler.storages)
    if sorted(map(str, names)) != sorted(unpickler.storages):
        raise Refused("its storages are not those of its tensors")
    for name in names:
        storage = unpickler.storages[str(name)]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise Refused("a storage is not as long as its tensors say, or the file is cut off")
        storage.data = file.read(storage.size)
        if len(storage.data) != storage.size:
            raise Refused("it is cut off")
    return root


def _read_zip(file):
    """FOLDER/data.pkl holds the module, FOLDER/data/NAME a storage's numbers."""
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("it is no file of torch.save")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise Refused("it is big-endian")
        if sum(info.file_size for info in archive.infolist()) > LARGEST:
            raise Refused(f"it unpacks to more than {LARGEST >> 20} MB")
        unpickler = Unpickler(io.BytesIO(archive.read(pickles[0])))
        root = unpickler.load()
        for name, storage in unpickler.storages.items():
            storage.data = archive.read(f"{folder}data/{name}")
            if len(storage.data) != storage.size:
                raise Refused("a storage is not as long as its tensors say")
    return root


def _check_size(storages):
    if sum(storage.size for storage in storages.values()) > LARGEST:
        raise Refused(f"its numbers take more than {LARGEST >> 20} MB")


def tensors_and_settings(root: object) -> dict[str, np.ndarray]:
    """The arrays of the npz file, for a module's stand-in."""
    if not isinstance(type(root), StandIn):
        raise Refused("it holds no module")
    found = {}
    for path, module in _modules(root, "", 0):
        passing = vars(module).get("_non_persistent_buffers_set", ())
        for kind in ("_parameters", "_buffers"):
            for name, tensor in _mapping(module, kind):
                if isinstance(tensor, Tensor) and name not in passing:
                    found[f"tensors/{path}{name}"] = tensor.array()
        for name in _SETTINGS:
            value = vars(module).get(name)
            values = value if isinstance(value, tuple | list) else (value,)
            if len(values) <= 2 and all(type(number) in (int, float, bool) for number in values):
                found[f"settings/{path}{name}"] = np.array(values, np.float64)
    return found


def tensors_of_state(root: object) -> dict[str, np.ndarray]:
    """The arrays of the npz file, for a state dict or for dicts that hold it, in the file's order; the keys that lead
    to a tensor make its name: `state_dict.conv.weight`."""
    if not isinstance(root, dict):
        raise Refused("it holds no state dict")
    return {f"tensors/{name}": tensor.array() for name, tensor in _tensors(root, "", 0)}


def _tensors(parts: dict, path, depth) -> Iterator[tuple[str, Tensor]]:
    """The tensors of dicts within dicts; an optimizer's numbered ones are none of a network's."""
    if depth > _DEEPEST:
        raise Refused("its dicts are nested too deeply")
    for name, part in parts.items():
        if isinstance(name, str) and isinstance(part, Tensor):
            yield f"{path}{name}", part
        elif isinstance(name, str) and isinstance(part, dict):
            yield from _tensors(part, f"{path}{name}.", depth + 1)


def _modules(module, path, depth) -> Iterator[tuple[str, object]]:
    """A module and those within it, with the path before their tensors' names."""
    if depth > _DEEPEST:
        raise Refused("its modules are nested too deeply")
    yield path, module
    for name, child in _mapping(module, "_modules"):
        if child is not None:
            if not isinstance(type(child), StandIn):
                raise Refused(f"{path}{name} is no module")
            yield from _modules(child, f"{path}{name}.", depth + 1)


def _mapping(module, kind):
    """The named parts of a kind that a module has."""
    parts = vars(module).get(kind, {})
    if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts):
        raise Refused(f"{kind} of a module are no named parts")
    return parts.items()


def main(content: str, source: str, target: str) -> int:
    """The process: 0, or 1 with the reason in a line on stderr."""
    arrays_of = {"module": tensors_and_settings, "state": tensors_of_state}[content]

    def arrays() -> dict[str, np.ndarray]:
        with open(source, "rb") as file:
            return arrays_of(read(file))

    return answer(arrays, target, Refused)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
