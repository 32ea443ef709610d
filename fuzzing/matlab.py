"""Flaws of MATLAB's files: version 5 to 7, and HDF5 (7.3)."""

from __future__ import annotations

import re
import struct
import zlib

import numpy as np

from fuzzing.archives import bomb
from fuzzing.flaws import INTEGERS, choice, of_bytes

_HEADER, _PACKED = 128, 15
#: Within these bytes of a matrix lie its flags, sizes and name.
_HEAD = 72
#: What HDF5's structures begin with.
_SIGNATURES = (b"TREE", b"HEAP", b"SNOD", b"GCOL", b"\x89HDF")


def of_mat5(rng: np.random.Generator, data: bytes) -> bytes:
    """A flaw of the head of a matrix, packed or not, a bomb in its place, or any bytes."""
    if rng.random() < 0.2:
        return of_bytes(rng, data)
    matrices = _matrices(data)
    at = int(rng.integers(len(matrices)))
    kind, body = matrices[at]
    packed = kind == _PACKED
    body = zlib.decompress(body) if packed else struct.pack("<II", kind, len(body)) + body
    if rng.random() < 0.15:
        return data[:_HEADER] + _elements([*matrices, (_PACKED, _bomb(rng, body))])
    body = _headless(rng, body)
    if packed or rng.random() < 0.3:
        matrices[at] = (_PACKED, zlib.compress(body))
    else:
        matrices[at] = (struct.unpack_from("<I", body)[0], body[8:])
    if rng.random() < 0.1:
        matrices *= 2
    return data[:_HEADER] + _elements(matrices)


def _headless(rng, body: bytes) -> bytes:
    """Another number among the first ones of a matrix."""
    changed = bytearray(body)
    for _ in range(choice(rng, [1, 1, 2, 3])):
        number = choice(rng, [*INTEGERS, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 10**6, 10**7]) & (2**32 - 1)
        struct.pack_into("<I", changed, 4 * int(rng.integers(min(_HEAD, len(body)) // 4)), number)
    return bytes(changed)


def _bomb(rng, body: bytes) -> bytes:
    """A matrix of which the head is true, or of believable size, and zeros follow, packed a thousandfold."""
    head = bytearray(body[:_HEAD])
    zeros, _ = bomb()
    struct.pack_into("<I", head, 4, choice(rng, [2**32 - 1, 300 << 20, len(body)]))
    if rng.random() < 0.7:
        struct.pack_into("<ii", head, 32, *choice(rng, [(75_000_000, 1), (250_000, 300), (1, 1)]))
    packer = zlib.compressobj(9, zlib.DEFLATED, 15)
    return packer.compress(bytes(head)) + packer.flush(zlib.Z_FULL_FLUSH) + zeros


def _matrices(data: bytes) -> list[tuple[int, bytes]]:
    """Type and bytes of the elements of a valid file."""
    found, at = [], _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    return found


def _elements(parts: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack("<II", kind, len(body)) + body for kind, body in parts)


def of_hdf5(rng: np.random.Generator, data: bytes) -> bytes:
    """Flaws within HDF5's own structures, near what they begin with, or anywhere."""
    changed = bytearray(data)
    places = [found.start() for word in _SIGNATURES for found in re.finditer(word, data)]
    for _ in range(choice(rng, [1, 1, 2, 4, 8])):
        at = min(choice(rng, places) + int(rng.integers(300)), len(data) - 9)
        if rng.random() < 0.5:
            changed[at] = choice(rng, [0, 1, 0xFF, 0x7F, 0x80, int(rng.integers(256))])
        else:
            form, mask = choice(rng, [("<H", 2**16 - 1), ("<I", 2**32 - 1), ("<Q", 2**64 - 1)])
            struct.pack_into(form, changed, at, choice(rng, INTEGERS) & mask)
    return bytes(changed) if rng.random() < 0.9 else of_bytes(rng, bytes(changed))
