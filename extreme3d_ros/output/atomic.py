"""Files that are whole or not there: written beside their place under another name, then renamed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from extreme3d_ros.errors import InputError, reason

#: What the names of files in the making begin with; seconds after which one that nobody wrote to has been abandoned.
_PREFIX, _ABANDONED = ".extreme3d-", 3600.0


@contextmanager
def placed_when_whole(path: str | os.PathLike, over: bool = True) -> Iterator[Path]:
    """The path of an empty file beside `path`, of the same suffix, to be written in the block: it becomes `path` at the
    block's end, or is removed where the block raises.

    over: whether it replaces a file that is there; else that is a FileExistsError. Raises InputError, naming the file,
    where it cannot be written.
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_PREFIX, suffix=path.suffix)
        try:
            os.close(handle)
            yield Path(temporary)
            os.chmod(temporary, 0o644)
            (os.replace if over else _link)(temporary, path)
        finally:
            with suppress(OSError):  # it has its place, or its folder is gone
                os.unlink(temporary)
    except OSError as error:
        if isinstance(error, FileExistsError) and not over:
            raise
        raise InputError(f"cannot write {path}: {error.strerror}; check the folder, its rights and the disk") from error


def write_bytes(path: str | os.PathLike, data: bytes, over: bool = True) -> Path:
    """Writes `data` to `path` at once; over and errors: as of `placed_when_whole`."""
    with placed_when_whole(path, over) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def made_folder(path: str | os.PathLike, remedy: str) -> Path:
    """The folder, `~` expanded, made if need be. Raises InputError where it cannot be; remedy: what to do then, the
    message's end."""
    try:
        folder = Path(path).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"cannot make the folder {path}: a file or a broken link has its name; {remedy}") from error
    except (OSError, RuntimeError, ValueError) as error:  # no such user's home; a NUL
        raise InputError(f"cannot make the folder {path}: {reason(error)}; {remedy}") from error
    return folder


def remove_abandoned(folder: Path) -> None:
    """Frees a folder of what processes were writing there when they were killed: they could not do it themselves."""
    with suppress(OSError):  # a folder that may not be read holds nothing of ours
        for file in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # another process was faster, or it is another user's
                if time.time() - file.lstat().st_mtime > _ABANDONED:
                    file.unlink()


def _link(source: str, target: Path) -> None:
    """Raises FileExistsError where there is a file already."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without links, a USB stick's for one
        if target.exists():
            raise FileExistsError(*error.args) from error
        os.replace(source, target)
