"""Flaws of zip archives and of the arrays in them: npz files and PyTorch's own."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from fuzzing.flaws import INTEGERS, choice, of_bytes
from fuzzing.pickles import of_pickle

_NAMES = ["../outside.npy", "/etc/passwd.npy", "a/b/c.npy", "", ".npy", "x" * 5000, "a\nb.npy", "mean.npy", "con\0.npy"]
_DESCRIPTIONS = [
    *"'|O' 'V0' 'S0' 'U0' '<c16' '<m8[ns]' '<f16' '>f4' '(1000000,)<f4' '(0,)<f4' '<U99999999'".split(),
    *("[('a', '<f4'), ('b', '|O')]", "[('a', '<f4', (2, 2))]"),
    *"'?' '<f2' '<i8'".split(),
    *("'f4, f4'", "[('', '<f4')]", "3", "None"),
    *("'<f4" + "0" * 3000 + "'", "-" * 5000 + "1", "[" * 150 + "]" * 150, "1e400", "'\\udc80'"),
]
_BOMB = 300 << 20


@dataclass(frozen=True)
class Entry:
    """A file of an archive. data: as it is stored; method: how it is packed; size, crc: what it says of itself
    unpacked."""

    name: bytes
    data: bytes
    size: int
    crc: int
    method: int = zipfile.ZIP_STORED
    flags: int = 0


def entry(name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> Entry:
    """An honest one, packed."""
    packer = zipfile._get_compressor(method) if method else None  # type: ignore[attr-defined]
    stored = packer.compress(data) + packer.flush() if packer else data
    return Entry(name.encode("utf-8", "surrogateescape"), stored, len(data), zlib.crc32(data), method)


def archive(entries: list[Entry]) -> bytes:
    """The archive, its fields as the entries have them."""
    body, directory = bytearray(), bytearray()
    for item in entries:
        fields = struct.pack(
            "<HHHHHIIIHH",
            *(20, item.flags, item.method, 0, 33, item.crc & 0xFFFFFFFF, len(item.data), item.size & 0xFFFFFFFF),
            *(len(item.name) & 0xFFFF, 0),
        )
        directory += b"PK\1\2\x14\0" + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + item.name
        body += b"PK\3\4" + fields + item.name + item.data
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\5\6" + end


@lru_cache
def bomb(size: int = _BOMB) -> tuple[bytes, int]:
    """Zeros, packed a thousandfold, and their checksum."""
    block = bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(size >> 20):
        crc = zlib.crc32(block, crc)
    return packed * (size >> 20) + packer.flush(), crc


def npy(shape: str, description: str, data: bytes = b"", fortran: str = "False", version: int = 1) -> bytes:
    """An array's file whose header says anything."""
    text = f"{{'descr': {description}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode("utf-8", "replace")
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def of_npy(rng: np.random.Generator, data: bytes) -> bytes:
    """Another header on an array's numbers, the numbers themselves broken, or any bytes."""
    kind = int(rng.integers(4))
    if kind == 0:
        return of_bytes(rng, data)
    try:
        array = np.lib.format.read_array(io.BytesIO(data))
    except Exception:  # it has a flaw already, which NumPy tells in many ways
        return of_bytes(rng, data)
    if kind == 1:
        return _saved(_odd_array(rng, array))
    shape: list = list(array.shape)
    if shape and rng.random() < 0.7:
        shape[int(rng.integers(len(shape)))] = choice(rng, [*INTEGERS, True, 10**400, -3])
    said = (
        str(tuple(shape))
        if rng.random() < 0.8
        else choice(rng, ["()", "3", "(3.0,)", "(None,)", f"({'1,' * 70})", "(0,)"])
    )
    description = repr(array.dtype.str) if rng.random() < 0.5 else choice(rng, _DESCRIPTIONS)
    numbers = choice(rng, [array.tobytes(), b"", array.tobytes()[:-1]])
    return npy(said, description, numbers, choice(rng, ["False", "True", "2"]), choice(rng, [1, 1, 2, 3]))


def _odd_array(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Of other numbers, type or shape."""
    number = choice(rng, [0, -1, 1, np.nan, np.inf, 1e30, -1e30, 2**31, 2**63, 1e-300])
    changed = array.copy()
    kind = int(rng.integers(6))
    with np.errstate(all="ignore"):
        if kind == 0 and array.size and array.dtype.kind in "fiu":
            odd = np.array(number).astype(array.dtype)
            changed.reshape(-1)[int(rng.integers(array.size)) :: choice(rng, [1, 7, array.size])] = odd
        elif kind == 1 and array.dtype.kind in "fiu":
            changed = array.astype(choice(rng, ["<f8", "<f2", "<i8", "u1", "?", "<c8", "<U5", "S3"]))
        elif kind == 2 and array.ndim:
            changed = np.moveaxis(array, 0, -1)
        elif kind == 3:
            changed = array[..., :0] if array.ndim else array[None]
        elif kind == 4 and array.ndim:
            changed = np.concatenate([array, array[:1]])
        else:
            changed = np.asfortranarray(array)
    return changed


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def of_archive(rng: np.random.Generator, data: bytes) -> bytes:
    """A flaw of an archive's fields, of its files' names and sizes, or of a file in it."""
    if rng.random() < 0.2:
        return of_bytes(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        entries = [entry(name, source.read(name)) for name in source.namelist()]
    for _ in range(choice(rng, [1, 1, 1, 2])):
        entries = _flawed(rng, entries)
    return archive(entries)


def _flawed(rng: np.random.Generator, entries: list[Entry]) -> list[Entry]:
    if not entries:
        return entries
    number = int(rng.integers(len(entries)))
    one, others = entries[number], entries[:number] + entries[number + 1 :]
    name = one.name.decode("utf-8", "replace")
    kind = int(rng.integers(11))
    if kind < 5 and not one.method:
        change = of_npy if name.endswith(".npy") else of_pickle if name.endswith(".pkl") else of_bytes
        return [*entries[:number], entry(name, change(rng, one.data)), *entries[number + 1 :]]
    if kind == 5:
        return [*others, replace(one, name=choice(rng, _NAMES).encode())]
    if kind == 6:
        return others
    if kind == 7:
        return [*entries, choice(rng, entries)] * choice(rng, [1, 1, 300])
    if kind == 8:
        method = choice(rng, [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        return [*others, entry(name, one.data, method)]
    if kind == 9:
        return [*others, _blown_up(rng, one)]
    changes = [
        *({"size": choice(rng, INTEGERS)}, {"crc": 0}, {"method": choice(rng, [1, 8, 12, 14, 99])}),
        *({"flags": choice(rng, [1, 8, 64, 0x800, 0x2000])}, {"data": one.data[: len(one.data) // 2]}),
    ]
    return [*others, replace(one, **choice(rng, changes))]


def _blown_up(rng: np.random.Generator, one: Entry) -> Entry:
    """The same name on far more than what is stored."""
    if rng.random() < 0.3:
        zeros = bytes(8 << 20)
        return replace(
            entry("", zeros, choice(rng, [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])), name=one.name, size=one.size
        )
    packed, crc = bomb()
    return Entry(one.name, packed, choice(rng, [_BOMB, one.size]), crc, zipfile.ZIP_DEFLATED)
