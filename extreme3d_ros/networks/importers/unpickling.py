"""A pickle of PyTorch, without running anything that it asks for.

A pickle is a program: unpickled plainly it calls whatever it names. Here its classes become empty stand-ins that cannot
be called, a tensor becomes a note of where its numbers lie, and any other name is refused. So neither PyTorch nor a
module's own source is needed.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np

from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.npz import LARGEST

_DTYPES = {
    **{"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BoolStorage": "?"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1"},
}


class Storage:
    """A run of numbers; their bytes are known once the whole file is read."""

    def __init__(self, dtype: str, count: int):
        if type(count) is not int or not 0 <= count * np.dtype(dtype).itemsize <= LARGEST:
            raise Broken("a tensor of unbelievable size")
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
            raise Broken("a tensor without storage, shape and strides")
        if not all(type(number) is int and number >= 0 for number in whole):
            raise Broken("a tensor's shape or strides are no whole numbers")
        last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides))
        count = math.prod(shape)
        # A tensor larger than its storage repeats numbers: a few bytes could claim all memory.
        if count and (last >= storage.count or count > storage.count):
            raise Broken("a tensor reaches beyond its storage")
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
        raise Broken(f"it calls {cls.__name__}")


def _parameter(tensor, *_):
    if not isinstance(tensor, Tensor):
        raise Broken("a parameter that is no tensor")
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
            raise Broken(f"it asks for {module}.{name}")
        return StandIn(f"{module}.{name}", (), {})

    def persistent_load(self, key: Any) -> Any:
        kind, value, *rest = key
        if kind == "module" and isinstance(value, StandIn):  # a class, with its source
            return value
        if kind != "storage" or value not in _DTYPES.values() or (len(rest) > 3 and rest[3] is not None):
            raise Broken("a reference that is no storage")
        name, _, count = rest[:3]
        return self.storages.setdefault(str(name), Storage(value, count))
