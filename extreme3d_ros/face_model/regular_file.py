"""Whether a path can be opened at all without harm."""

from __future__ import annotations

from pathlib import Path


def regular(path: Path) -> Path:
    """The path itself, where nothing is or a file. Raises ValueError for anything else: to open a pipe would block,
    and some devices have no end. OSError where the folder may not be entered."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name} is no file")
    return path
