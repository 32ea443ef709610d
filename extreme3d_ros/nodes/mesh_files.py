"""Finished meshes as PLY files."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from builtin_interfaces.msg import Time

from extreme3d_ros.errors import InputError
from extreme3d_ros.output.atomic import made_folder, remove_abandoned, write_bytes
from extreme3d_ros.output.ply import ply_bytes
from extreme3d_ros.records import FaceMesh

#: What the names of files end with that may be removed again; as written here, and beside one of the same moment.
_ROTATING = "_every"
_MAY_GO = re.compile(rf"face_.*\d{{9}}{_ROTATING}(_\d+)?\.ply")


class MeshFiles:
    """Writes face_<sec>_<nanosec>.ply, or face_<id>_<sec>_<nanosec>.ply where an id is given; beside a file that is
    there already, of another node for one, as ..._2.ply.

    Names of files that may be removed again end with `_every`: so they are known to the next run, and to other nodes
    with the same folder, and no file that was asked for is ever removed.
    """

    def __init__(self):
        self._folder: Path | None = None
        self._rotating: deque[Path] = deque()  # of that folder, the oldest first

    def save(self, mesh: FaceMesh, stamp: Time, folder: str, face: str = "") -> Path:
        """Writes a mesh to stay and returns its absolute path. Raises InputError where that cannot be done."""
        return _write_new(mesh, self._enter(folder), _name(stamp, face))

    def save_rotating(self, mesh: FaceMesh, stamp: Time, folder: str, keep: int, face: str = "") -> Path:
        """Writes a mesh and removes the oldest of the folder written so, as many as there are above `keep`."""
        path = _write_new(mesh, self._enter(folder), _name(stamp, face) + _ROTATING)
        self._rotating.append(path)
        while len(self._rotating) > keep:
            _remove(self._rotating.popleft())
        return path

    def _enter(self, name: str) -> Path:
        """The folder of that name, made if need be, and seen through if it is another one than before."""
        folder = made_folder(name, "set parameter ply_dir").absolute()
        if folder != self._folder:
            remove_abandoned(folder)
            self._folder, self._rotating = folder, deque(_oldest_first(folder))
        return folder


def _name(stamp: Time, face: str) -> str:
    return "_".join(filter(None, ("face", face, str(stamp.sec), f"{stamp.nanosec:09d}")))


def _write_new(mesh: FaceMesh, folder: Path, name: str) -> Path:
    data, path, number = ply_bytes(mesh), folder / f"{name}.ply", 1
    while True:
        try:
            return write_bytes(path, data, over=False)
        except FileExistsError:
            number += 1
            path = folder / f"{name}_{number}.ply"


def _oldest_first(folder: Path) -> list[Path]:
    """The files in a folder that may be removed again."""
    found = []
    try:
        for file in folder.iterdir():
            if _MAY_GO.fullmatch(file.name):
                with suppress(FileNotFoundError):  # another node has just removed it
                    found.append((file.stat().st_mtime_ns, file))
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}; set parameter ply_dir") from error
    return [file for _, file in sorted(found)]


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)  # another node may have been faster
    except OSError as error:
        raise InputError(f"cannot remove {path}: {error.strerror}; check the folder's rights") from error
