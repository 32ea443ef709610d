"""Named numeric arrays out of a MATLAB file of version 5 to 7.

Our own reader because scipy's goes down with a segmentation fault on some broken files; numbers are all we need.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import BrokenSource, check_arrays

_HEADER, _LITTLE_ENDIAN = 128, b"\x00\x01IM"
_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32 = 1, 5, 6
_TYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
_NOTHING = np.dtype("V")
#: Classes of arrays that hold numbers: double, single, int8 ... uint64. Others are cells, structs, texts, objects.
_NUMERIC, _COMPLEX = range(6, 16), 0x0800
#: Flags, sizes and name lie within these first bytes of a matrix, and no file has so many elements.
_START, _MOST_ELEMENTS = 4096, 10_000


@dataclass(frozen=True)
class _Matrix:
    """Where a matrix lies in the file, whether it is packed there, and what its values are.

    place, size: of its element, bytes of the file; start, length: of its values, bytes of the unpacked element; type:
    of the values as they are stored, _NOTHING of what is no real numbers.
    """

    place: int
    size: int
    packed: bool
    start: int
    length: int
    shape: tuple[int, ...]
    type: np.dtype


def read_mat5(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The wanted arrays. Raises BrokenSource where one is missing or no array of numbers, and OSError."""
    with open(path, "rb") as file:
        if file.read(_HEADER)[124:] != _LITTLE_ENDIAN:
            raise BrokenSource("no MATLAB file of version 5 or later")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                found = _wanted(data, wanted)
                check_arrays({name: (matrix.shape, matrix.type) for name, matrix in found.items()})
                return {name: _values(data, name, matrix) for name, matrix in found.items()}
            except (struct.error, zlib.error) as error:
                raise BrokenSource(f"broken MATLAB file: {error}") from None


def _wanted(data, wanted) -> dict[str, _Matrix]:
    """The wanted ones among a file's matrices."""
    found: dict[str, _Matrix] = {}
    for kind, place, size in _elements(data):
        packed = kind == _COMPRESSED
        start = data[place : place + min(size, _START)]
        if packed:
            start = zlib.decompressobj().decompress(start, _START)
            (kind,) = struct.unpack_from("<I", start)
        if kind == _MATRIX:
            name, values_at, length, shape, stored = _head(start, 8 if packed else 0)
            if name in found:
                raise BrokenSource(f"{name} is there twice")
            if name in wanted:
                found[name] = _Matrix(place, size, packed, values_at, length, shape, stored)
    for name in wanted:
        if name not in found:
            raise BrokenSource(f"{name} is missing")
    return found


def _elements(data) -> Iterator[tuple[int, int, int]]:
    """Type, place and size of a file's elements."""
    at = _HEADER
    for _ in range(_MOST_ELEMENTS):
        if at + 8 > len(data):
            return
        kind, size = struct.unpack_from("<II", data, at)
        if at + 8 + size > len(data):
            raise BrokenSource("the MATLAB file is cut short")
        yield kind, at + 8, size
        at += 8 + size
    raise BrokenSource(f"the MATLAB file has more than {_MOST_ELEMENTS} elements")


def _head(body, at) -> tuple[str, int, int, tuple[int, ...], np.dtype]:
    """A matrix's name, the start and length of its values, its shape, the type of its values.

    body: the element's first bytes; at: where the matrix begins in them.
    """
    kind, flags, at = _small(body, at)
    shape_kind, sizes, at = _small(body, at)
    name_kind, name, at = _small(body, at)
    if (kind, shape_kind, name_kind) != (_UINT32, _INT32, _INT8) or len(flags) != 8 or len(sizes) % 4:
        raise BrokenSource("a matrix of the MATLAB file has a broken head")
    (flag,) = struct.unpack_from("<I", flags)
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    numeric = flag & 0xFF in _NUMERIC and not flag & _COMPLEX
    stored, start, length, _ = _tag(body, at) if numeric else (0, at, 0, at)
    return name.decode("ascii", "replace"), start, length, shape, np.dtype(_TYPES.get(stored, _NOTHING))


def _values(data, name, matrix: _Matrix) -> np.ndarray:
    if np.prod(matrix.shape, dtype=np.int64) * matrix.type.itemsize != matrix.length:
        raise BrokenSource(f"{name} has {matrix.length} bytes for the shape {matrix.shape}")
    body, end = data[matrix.place : matrix.place + matrix.size], matrix.start + matrix.length
    if matrix.packed:
        body = zlib.decompressobj().decompress(body, end)
    if len(body) < end:
        raise BrokenSource(f"{name} is cut short")
    count = matrix.length // matrix.type.itemsize
    return np.frombuffer(body, matrix.type, count, matrix.start).reshape(matrix.shape, order="F")


def _small(body, at) -> tuple[int, bytes, int]:
    """Type and bytes of a data element that lies in the body, and where the next one is."""
    kind, start, size, end = _tag(body, at)
    if start + size > len(body):
        raise BrokenSource("a matrix of the MATLAB file is cut short")
    return kind, body[start : start + size], end


def _tag(body, at) -> tuple[int, int, int, int]:
    """Type of the data element at a place, where its bytes start, how many they are, and where the next one is."""
    kind, size = struct.unpack_from("<II", body, at)
    if not kind >> 16:
        return kind, at + 8, size, at + 8 + -(-size // 8) * 8
    if kind >> 16 > 4:
        raise BrokenSource("a matrix of the MATLAB file is cut short")
    return kind & 0xFFFF, at + 4, kind >> 16, at + 8  # a small one: type, size and data in eight bytes
