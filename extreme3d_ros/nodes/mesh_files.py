"""Finished meshes as PLY files."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from builtin_interfaces.msg import Time

from extreme3d_ros.errors import InputError
from extreme3d_ros.output.ply import write_ply
from extreme3d_ros.records import FaceMesh


class MeshFiles:
    """Writes face_<sec>_<nanosec>.ply, or face_<id>_<sec>_<nanosec>.ply where an id is given.
    Only files that were not asked for one by one are ever removed."""

    def __init__(self):
        self._rotating: deque[Path] = deque()

    def save(self, mesh: FaceMesh, stamp: Time, folder: str, face: str = "") -> Path:
        """Writes a mesh to stay and returns its absolute path. Raises InputError where that cannot be done."""
        path = self._write(mesh, stamp, folder, face)
        if path in self._rotating:
            self._rotating.remove(path)
        return path

    def save_rotating(self, mesh: FaceMesh, stamp: Time, folder: str, keep: int, face: str = "") -> Path:
        """Writes a mesh and removes the oldest of those written so, as many as there are above `keep`."""
        path = self._write(mesh, stamp, folder, face)
        if path not in self._rotating:
            self._rotating.append(path)
        while len(self._rotating) > keep:
            self._rotating.popleft().unlink(missing_ok=True)
        return path

    @staticmethod
    def _write(mesh: FaceMesh, stamp: Time, folder: str, face: str) -> Path:
        place = Path(folder).expanduser().absolute()
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {place}: {error.strerror}; set parameter ply_dir") from error
        name = "_".join(filter(None, ("face", face, str(stamp.sec), f"{stamp.nanosec:09d}")))
        return write_ply(mesh, place / f"{name}.ply")
