"""completion_node's meshes as files: asked for one by one, or each."""

from __future__ import annotations

import time

from rclpy.task import Future

from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.nodes.face_stream import Finished
from extreme3d_ros.nodes.mesh_files import MeshFiles
from extreme3d_ros.nodes.settings import Settings

#: Seconds that callers wait for an observation.
_PATIENCE = 5.0


class MeshSaving:
    """Saves by the parameters ply_dir, save_every_mesh and max_saved; holds those who wait for a mesh to come."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._files = MeshFiles()
        self._waiting: Future[None] | None = None
        self._until = 0.0

    @property
    def asked(self) -> bool:
        """Whether someone waits for a mesh."""
        return self._waiting is not None

    async def next(self) -> None:
        """Waits for the next mesh, or until it is given up."""
        self._until = time.monotonic() + _PATIENCE
        waiting: Future[None] = Future()
        self._waiting = waiting  # another thread may end it before it is waited for
        await waiting

    def answer(self) -> None:
        """Lets those go on who wait."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set_result(None)

    def give_up_in_time(self) -> None:
        """Lets them go on if they have waited for long."""
        if self.asked and time.monotonic() > self._until:
            self.answer()

    def save(self, finished: Finished | None) -> tuple[bool, str]:
        """Writes a mesh to stay: True and its path, or False and why not."""
        try:
            if finished is None:
                raise InputError("no face has been seen yet; check that face_node gets images with a face")
            mesh, stamp = finished.completed.mesh, finished.header.stamp
            return True, str(self._files.save(mesh, stamp, self._settings["ply_dir"], finished.face))
        except Extreme3DError as error:
            return False, str(error)

    def save_if_every(self, finished: Finished) -> None:
        """Writes a mesh if each shall be."""
        if self._settings["save_every_mesh"]:
            mesh, stamp, keep = finished.completed.mesh, finished.header.stamp, self._settings["max_saved"]
            self._files.save_rotating(mesh, stamp, self._settings["ply_dir"], keep, finished.face)
