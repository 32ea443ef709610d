"""A plan as one file that says what it is and whether it is whole: a line with the SHA-256 of the rest, a line with the
header (JSON), and the content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from extreme3d_ros.output.atomic import write_bytes


class BrokenPlan(Exception):
    """A plan's file isn't what was written; the message says in what."""


def write_plan(path: Path, header: dict, content: bytes) -> None:
    """Writes a plan at once. header: anything JSON. Raises InputError where it cannot be written."""
    text = json.dumps(header, sort_keys=True).encode() + b"\n"
    write_bytes(path, b"".join((_digest(text, content), text, content)))


def read_plan(path: Path) -> tuple[dict, bytes]:
    """The header and the content. Raises FileNotFoundError, BrokenPlan."""
    try:
        with open(path, "rb") as file:
            digest, text, content = file.readline(), file.readline(), file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BrokenPlan(f"it cannot be read ({error.strerror})") from error
    if digest != _digest(text, content):
        raise BrokenPlan("it is no plan, or cut off or damaged: its SHA-256 is another")
    return json.loads(text), content


def _digest(text: bytes, content: bytes) -> bytes:
    digest = hashlib.sha256(text)
    digest.update(content)
    return digest.hexdigest().encode() + b"\n"
