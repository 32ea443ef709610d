"""Flaws of pickles, opcode by opcode."""

from __future__ import annotations

import pickletools
import struct

import numpy as np

from fuzzing.flaws import INTEGERS, choice, of_bytes

#: Opcodes that nobody expects: calls, names, places in the memo beyond all memory, a list within itself.
_ODD = [
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"R", b"b", b"\x81", b"\x92", b"0", b"(", b"t", b"e", b"u", b"Q", b"2"),
    *(b"r\xff\xff\xff\x6f", b"j\xff\xff\xff\x7f", b"]q\x50h\x50a", b"N", b"}", b"I99999999999999999999\n", b"F1e400\n"),
    *(b"\x8e" + struct.pack("<Q", 2**62), b"B" + struct.pack("<I", 2**31), b"T" + struct.pack("<i", -1)),
    *(b"\x96" + bytes(8), b"\x95" + struct.pack("<Q", 2**63), b"\x82\x01", b"Pname\n", b"]" * 3000, b"(" * 3000),
    *(b"\x85" * 3000, b"\x80\xff", b"\x8b" + struct.pack("<i", 2**30)),
]


def of_pickle(rng: np.random.Generator, data: bytes) -> bytes:
    """A flaw of a pickle, or of several in a row with anything behind them."""
    pieces, rest = _opcodes(data)
    if len(pieces) < 3 or rng.random() < 0.15:
        return of_bytes(rng, data)
    for _ in range(choice(rng, [1, 1, 2, 4])):
        at, other = (int(rng.integers(len(pieces))) for _ in range(2))
        kind = int(rng.integers(6))
        if kind == 0:
            pieces[at] = b""
        elif kind == 1:
            pieces.insert(at, pieces[other])
        elif kind == 2:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 3:
            pieces[at] = choice(rng, _ODD)
        elif kind == 4:
            pieces.insert(at, choice(rng, _ODD))
        else:
            pieces[_a_number(rng, pieces)] = b"\x8a\x09" + choice(rng, INTEGERS).to_bytes(9, "little", signed=True)
    return b"".join(pieces) + rest


def _a_number(rng, pieces) -> int:
    """The place of an opcode that leaves an integer."""
    places = [place for place, piece in enumerate(pieces) if piece[:1] in (b"K", b"M", b"J", b"\x8a")]
    return choice(rng, places or [0])


def _opcodes(data: bytes) -> tuple[list[bytes], bytes]:
    """The opcodes of pickles in a row, and what comes behind them."""
    pieces: list[bytes] = []
    start = 0
    while data[start : start + 1] == b"\x80":
        try:
            places = [place for _, _, place in pickletools.genops(data[start:])]
            end = data.index(b".", start + places[-1]) + 1
        except (ValueError, struct.error):
            break
        bounds = [start + place for place in places] + [end]
        pieces += [data[a:b] for a, b in zip(bounds, bounds[1:])]
        start = end
    return pieces, data[start:]
