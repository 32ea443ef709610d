"""Files of torch.save put together by hand, opcode by opcode: what neither PyTorch nor an honest module would write."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass

import numpy as np

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 8}}


@dataclass
class Global:
    """A name that a pickle asks for."""

    module: str
    name: str


@dataclass
class Call:
    """function(*arguments)"""

    function: object
    arguments: tuple = ()


@dataclass
class New:
    """cls.__new__(cls, *arguments)"""

    cls: object
    arguments: tuple = ()


@dataclass
class Build:
    """An object that is given its state."""

    what: object
    state: object


@dataclass
class Reference:
    """A persistent id."""

    key: tuple


@dataclass
class Raw:
    """Opcodes as they are."""

    code: bytes


def encode(value) -> bytes:
    """The opcodes that leave a value on the stack."""
    match value:
        case Global():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            return encode(value.function) + encode(value.arguments) + b"R"
        case New():
            return encode(value.cls) + encode(value.arguments) + b"\x81"
        case Build():
            return encode(value.what) + encode(value.state) + b"b"
        case Reference():
            return encode(value.key) + b"Q"
        case Raw():
            return value.code
        case tuple():
            return b"(" + b"".join(map(encode, value)) + b"t"
        case list():
            return b"](" + b"".join(map(encode, value)) + b"e"
        case dict():
            return b"}(" + b"".join(encode(key) + encode(item) for key, item in value.items()) + b"u"
        case bytes():  # Python 2's str
            return b"U" + bytes([len(value)]) + value
    return pickle.dumps(value, 2)[2:-1]


def pickled(value) -> bytes:
    """A whole pickle."""
    return b"\x80\x02" + encode(value) + b"."


def stream(root, storages: dict[str, np.ndarray] | None = None) -> bytes:
    """A file of torch.save before 1.6."""
    storages = storages or {}
    parts = [MAGIC, pickle.dumps(1001, 2), pickle.dumps(SYSTEM, 2), pickled(root), pickle.dumps(list(storages), 2)]
    parts += [len(array).to_bytes(8, "little") + array.tobytes() for array in storages.values()]
    return b"".join(parts)


def write_archive(path, root, storages: dict[str, np.ndarray] | None = None):
    """A file of torch.save since 1.6."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled(root))
        archive.writestr("net/byteorder", "little")
        for key, array in (storages or {}).items():
            archive.writestr(f"net/data/{key}", array.tobytes())
    return path


def ordered(items: dict, key=str):
    """An OrderedDict as both Pythons pickle it; key: of its keys."""
    pairs = [[key(name), item] for name, item in items.items()]
    return Call(Global("collections", "OrderedDict"), (pairs,))


def module(name: str = "Net", parameters=None, buffers=None, modules=None, **more):
    """A module of a class that nobody has."""
    state = {"_parameters": parameters or {}, "_buffers": buffers or {}, "_modules": modules or {}, "training": False}
    return Build(New(Global("gone.nets", name)), {**state, **more})


def tensor(shape, key: str, count: int | None = None, offset=0, strides=None, storage="FloatStorage"):
    """A tensor in C order."""
    count = int(np.prod(shape)) if count is None else count
    strides = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))) if strides is None else strides
    reference = Reference(("storage", Global("torch", storage), key, "cpu", count))
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), (reference, offset, tuple(shape), strides, False, {}))
