"""Files opened without harm: to open a pipe would block, and some devices have no end."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def regular(path: Path) -> Path:
    """The path itself, where nothing is or a file. Raises OSError for anything else, and where a folder may not be
    entered."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, f"{path.name} is no file", str(path))
    return path


def read_regular(path: Path, most: int) -> bytes:
    """All of a file. Raises OSError, also where it is no file or has more than `most` bytes."""
    with open(regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"{path.name} has more than {most} bytes", str(path))
        return file.read()
