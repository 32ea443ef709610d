"""Files that are whole or not there: written beside their place under another name, then renamed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from extreme3d_ros.errors import InputError


def write_bytes(path: str | os.PathLike, data: bytes) -> Path:
    """Writes `data` to `path` at once. Raises InputError, naming the file, where that cannot be done."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; check the folder, its rights and the disk") from error
    return path
