"""Little-endian CDR (XCDR1), the form in which ROS messages travel: what `Publisher.publish(bytes)` takes."""

from __future__ import annotations

import struct

import numpy as np

_ENCAPSULATION = b"\x00\x01\x00\x00"  # plain CDR, little endian; alignment counts from behind it


class CdrWriter:
    """Builds a serialized message field by field, padding with zeros."""

    def __init__(self):
        self._parts: list[bytes | memoryview] = [_ENCAPSULATION]
        self._size = 0

    def put(self, code: str, *values) -> None:
        """Numbers of one struct code (b ? i I f d), aligned to their size."""
        self._align(struct.calcsize(code))
        self._add(struct.pack(f"<{len(values)}{code}", *values))

    def string(self, text: str) -> None:
        """A string: its length with the closing zero, its UTF-8 bytes, the zero."""
        data = text.encode() + b"\0"
        self.put("I", len(data))
        self._add(data)

    def sequence(self, rows: np.ndarray) -> None:
        """A sequence of structs whose members are all of one number type: rows (N, members), float32 or float64."""
        self.put("I", len(rows))
        if len(rows):  # an empty sequence isn't padded for the members it lacks
            self._align(rows.itemsize)
            self._add(np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).data.cast("B"))

    def message(self) -> bytes:
        """All that was written."""
        return b"".join(self._parts)

    def _align(self, size: int) -> None:
        self._add(b"\0" * (-self._size % size))

    def _add(self, data: bytes | memoryview) -> None:
        self._parts.append(data)
        self._size += len(data)
