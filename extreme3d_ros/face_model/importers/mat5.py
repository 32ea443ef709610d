"""Named numeric arrays out of a MATLAB file of version 5 to 7.

Our own reader because scipy's goes down with a segmentation fault on some broken files; numbers are all we need.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import BrokenSource, check_array

_HEADER, _LITTLE_ENDIAN = 128, b"\x00\x01IM"
_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32 = 1, 5, 6
_TYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
#: Classes of arrays that hold numbers: double, single, int8 ... uint64. Others are cells, structs, texts, objects.
_NUMERIC, _COMPLEX = range(6, 16), 0x0800
#: Flags, sizes and name lie within these first bytes of a matrix.
_START = 4096


def read_mat5(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The wanted arrays. Raises BrokenSource where one is missing or no array of numbers, and OSError."""
    with open(path, "rb") as file:
        if file.read(_HEADER)[124:] != _LITTLE_ENDIAN:
            raise BrokenSource("no MATLAB file of version 5 or later")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                found = {name: array for name, array in _matrices(data, wanted)}
            except (struct.error, zlib.error, ValueError) as error:
                raise BrokenSource(f"broken MATLAB file: {error}") from None
    for key in wanted:
        if key not in found:
            raise BrokenSource(f"{key} is missing")
    return found


def _matrices(data, wanted):
    """Names and arrays of the wanted ones among a file's matrices."""
    at = _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if at + 8 + size > len(data):
            raise BrokenSource("the MATLAB file is cut short")
        body = data[at + 8 : at + 8 + size] if kind in (_MATRIX, _COMPRESSED) else b""
        if kind == _COMPRESSED:
            body = _unpacked(body, wanted)
        if body and (array := _matrix(body, wanted)):
            yield array
        at += 8 + size


def _unpacked(packed, wanted) -> bytes:
    """The body of a compressed matrix; of one that isn't wanted only the start."""
    unpack = zlib.decompressobj()
    start = unpack.decompress(packed, _START)
    kind, size = struct.unpack_from("<II", start)
    if kind != _MATRIX or _head(start[8:])[0] not in wanted:
        return b""
    left = 8 + size - len(start)
    return start[8:] + (unpack.decompress(unpack.unconsumed_tail, left) if left > 0 else b"")


def _matrix(body, wanted):
    """Name and array of a matrix's body, None where it isn't wanted."""
    name, shape, numeric, at = _head(body)
    if name not in wanted:
        return None
    check_array(name, shape, numeric)
    kind, values, _ = _element(body, at)
    if kind not in _TYPES:
        raise BrokenSource(f"{name} holds values of the unknown type {kind}")
    array = np.frombuffer(values, _TYPES[kind])
    if array.size != np.prod(shape, dtype=np.int64):
        raise BrokenSource(f"{name} has {array.size} values for the shape {shape}")
    return name, array.reshape(shape, order="F")


def _head(body) -> tuple[str, tuple[int, ...], bool, int]:
    """A matrix's name and shape, whether it holds real numbers, and where its values begin."""
    kind, flags, at = _element(body, 0)
    shape_kind, sizes, at = _element(body, at)
    name_kind, name, at = _element(body, at)
    if (kind, shape_kind, name_kind) != (_UINT32, _INT32, _INT8) or len(flags) != 8 or len(sizes) % 4:
        raise BrokenSource("a matrix of the MATLAB file has a broken head")
    flags = struct.unpack_from("<I", flags)[0]
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    return name.decode("ascii", "replace"), shape, flags & 0xFF in _NUMERIC and not flags & _COMPLEX, at


def _element(body, at) -> tuple[int, bytes, int]:
    """Type and bytes of the data element at a place, and where the next one is."""
    kind, size = struct.unpack_from("<II", body, at)
    if kind >> 16:  # a small one: type, size and data in eight bytes
        kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
    else:
        start, end = at + 8, at + 8 + -(-size // 8) * 8
    if start + size > min(len(body), end):
        raise BrokenSource("a matrix of the MATLAB file is cut short")
    return kind, body[start : start + size], end
