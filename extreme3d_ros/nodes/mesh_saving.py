"""completion_node's meshes as files: asked for one by one, or each."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Time
from rclpy.task import Future

from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.nodes.face_stream import Finished
from extreme3d_ros.nodes.mesh_files import MeshFiles
from extreme3d_ros.nodes.settings import Settings
from extreme3d_ros.nodes.telling import line_of

#: Seconds that callers wait for an observation.
_PATIENCE = 5.0


class MeshSaving:
    """Saves by the parameters ply_dir, save_every_mesh and max_saved; holds those who wait for a mesh to come.

    trouble: why the newest mesh of save_every_mesh was not saved; empty where it was.
    """

    def __init__(self, settings: Settings):
        self.trouble = ""
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
            mesh, stamp = finished.completed.mesh, _stamp(finished)
            return True, str(self._files.save(mesh, stamp, self._settings["ply_dir"], finished.face))
        except Exception as error:  # a caller is to have an answer, and the node to live on
            return False, line_of(error)

    def save_if_every(self, finished: Finished) -> None:
        """Writes a mesh if each shall be. Raises InputError where that cannot be done."""
        self.trouble = ""
        if not self._settings["save_every_mesh"]:
            return
        mesh, stamp, keep = finished.completed.mesh, _stamp(finished), self._settings["max_saved"]
        try:
            self._files.save_rotating(mesh, stamp, self._settings["ply_dir"], keep, finished.face)
        except Extreme3DError as error:
            self.trouble = str(error)
            raise


def _stamp(finished: Finished) -> Time:
    """The frame's, or the time now of a camera that sets none: names differ by it."""
    stamp = finished.header.stamp
    if stamp.sec or stamp.nanosec:
        return stamp
    sec, nanosec = divmod(time.time_ns(), 10**9)
    return Time(sec=sec, nanosec=nanosec)
