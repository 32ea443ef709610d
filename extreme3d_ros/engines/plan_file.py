"""A plan as one file that says what it is and whether it is whole.

Layout: the magic line, the header's length (8 bytes, little endian), the header (JSON), the content, and the SHA-256 of
all that.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from extreme3d_ros.output.atomic import write_bytes

MAGIC = b"extreme3d_ros plan 1\n"
_LENGTH, _DIGEST = 8, hashlib.sha256().digest_size
_MOST = 1 << 24


class BrokenPlan(Exception):
    """A plan's file isn't what was written; the message says in what."""


def write_plan(path: Path, header: dict, content: bytes) -> None:
    """Writes a plan at once. header: anything JSON. Raises InputError where it cannot be written."""
    text = json.dumps(header, sort_keys=True).encode()
    whole = b"".join((MAGIC, len(text).to_bytes(_LENGTH, "little"), text, content))
    write_bytes(path, whole + hashlib.sha256(whole).digest())


def read_plan(path: Path) -> tuple[dict, bytes]:
    """The header and the content. Raises FileNotFoundError, BrokenPlan."""
    data = _bytes(path)
    if len(data) < len(MAGIC) + _LENGTH + _DIGEST or not data.startswith(MAGIC):
        raise BrokenPlan("it is cut off or no plan")
    if hashlib.sha256(memoryview(data)[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise BrokenPlan("it is cut off or damaged: its SHA-256 is another")
    header, start = _header(data)
    return header, data[start:-_DIGEST]


def read_header(path: Path) -> dict:
    """The header alone, the content unseen. Raises FileNotFoundError, BrokenPlan."""
    with open(path, "rb") as file:
        return _header(file.read(_MOST))[0]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BrokenPlan(f"it cannot be read ({error.strerror})") from error


def _header(data: bytes) -> tuple[dict, int]:
    """The header and where the content begins."""
    start = len(MAGIC) + _LENGTH
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        if not data.startswith(MAGIC) or end > len(data):
            raise ValueError
        header = json.loads(data[start:end])
    except ValueError:
        raise BrokenPlan("it is cut off or no plan") from None
    if not isinstance(header, dict):
        raise BrokenPlan("its header is no table")
    return header, end
