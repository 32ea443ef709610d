"""Stamps of messages that begin with a Header and are still serialized."""

from __future__ import annotations

import struct
import time

from builtin_interfaces.msg import Time

#: Bytes up to the stamp's end.
STAMP_END = 12
_STAMP_START = 4


def stamp_of(serialized: bytes) -> tuple[int, int]:
    """Seconds and nanoseconds."""
    return struct.unpack_from(_format(serialized), serialized, _STAMP_START)


def stamped(serialized: bytearray, stamp: Time) -> bytes:
    """The message with another stamp."""
    struct.pack_into(_format(serialized), serialized, _STAMP_START, stamp.sec, stamp.nanosec)
    return bytes(serialized)


def age_ms(serialized: bytes) -> float:
    """Milliseconds from the stamp to now."""
    seconds, nanoseconds = stamp_of(serialized)
    return (time.time_ns() - seconds * 10**9 - nanoseconds) / 1e6


def _format(serialized: bytes | bytearray) -> str:
    little_endian = serialized[1] & 1
    return "<iI" if little_endian else ">iI"
