"""Flaws of plain bytes, and the numbers that readers trip over. A flaw takes a generator and bytes and gives bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Flaw = Callable[[np.random.Generator, bytes], bytes]
T = TypeVar("T")

#: About the ends of integer types, and sizes beyond all memory.
INTEGERS = (0, 1, -1, 2, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, -(2**31), 2**32 - 1, 10**9, 10**12, 2**62, 2**63 - 1)
#: Where most formats keep what they say of themselves.
_HEAD = 600


def choice(rng: np.random.Generator, values: Sequence[T]) -> T:
    """One of the values, as it is; numpy's own would make an array of them."""
    return values[int(rng.integers(len(values)))]


def place(rng: np.random.Generator, data: bytes) -> int:
    """An index into the data, as often in its head as in all of it."""
    return int(rng.integers(max(1, min(len(data), _HEAD) if rng.random() < 0.5 else len(data))))


def flipped(rng: np.random.Generator, data: bytes) -> bytes:
    """Some bits the other way round."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if data else 0):
        changed[place(rng, data)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(rng: np.random.Generator, data: bytes) -> bytes:
    """Cut off."""
    return data[: place(rng, data)]


def without_a_piece(rng: np.random.Generator, data: bytes) -> bytes:
    """A piece is missing."""
    at = place(rng, data)
    return data[:at] + data[at + int(rng.integers(1, 64)) :]


def with_a_piece_twice(rng: np.random.Generator, data: bytes) -> bytes:
    """A piece stands in another place too."""
    start, at = place(rng, data), place(rng, data)
    return data[:at] + data[start : start + int(rng.integers(1, 200))] + data[at:]


def with_a_number(rng: np.random.Generator, data: bytes) -> bytes:
    """One of INTEGERS in a place, as four or eight bytes."""
    form, mask = choice(rng, [("<I", 2**32 - 1), ("<Q", 2**64 - 1), (">I", 2**32 - 1), ("<H", 2**16 - 1)])
    number = struct.pack(form, choice(rng, INTEGERS) & mask)
    at = place(rng, data)
    return data[:at] + number + data[at + len(number) :]


BYTES: list[Flaw] = [flipped, cut, without_a_piece, with_a_piece_twice, with_a_number]


def of_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Any of BYTES."""
    return choice(rng, BYTES)(rng, data)
