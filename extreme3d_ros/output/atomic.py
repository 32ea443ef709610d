"""Files that are whole or not there: written beside their place under another name, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extreme3d_ros.errors import InputError


@contextmanager
def placed_when_whole(path: str | os.PathLike) -> Iterator[Path]:
    """The path of an empty file beside `path`, of the same suffix, to be written in the block: it becomes `path` at the
    block's end, or is removed where the block raises. Raises InputError, naming the file, where that cannot be done."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=path.suffix)
        os.close(handle)
        try:
            yield Path(temporary)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; check the folder, its rights and the disk") from error


def write_bytes(path: str | os.PathLike, data: bytes) -> Path:
    """Writes `data` to `path` at once. Raises InputError, naming the file, where that cannot be done."""
    with placed_when_whole(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)
