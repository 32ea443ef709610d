"""One face through a film, as it comes: what `moving_faces` needs of it in the end."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.output.moving_faces import MovingFace
from extreme3d_ros.output.shapes import ShapeSequence
from extreme3d_ros.records import FaceMesh, Foundation

#: What a vertex that is not seen counts for its colour, in parts of one that is.
_UNSEEN = 1e-3


class FaceTrack:
    """Takes a face's meshes, of the same triangles in every frame. About 40 MB for the finished mesh, and 0.6 KB a
    frame."""

    def __init__(self, name: str):
        self._name = name
        self._shapes = ShapeSequence()
        self._numbers: list[int] = []
        self._poses: list[tuple[np.ndarray, np.ndarray]] = []
        # (N, 4) sum of colours, each times its weight, and the sum of weights; (T, 3)
        self._colors, self._faces = np.zeros((1, 4), np.float32), np.zeros((0, 3), np.int32)

    def add(self, number: int, mesh: FaceMesh, foundation: Foundation) -> None:
        """number: of the film's frame; mesh: in the camera's frame."""
        self._shapes.add(foundation.to_model(mesh.vertices))
        self._numbers.append(number)
        self._poses.append((foundation.R, foundation.t))
        weight = np.where(mesh.seen, 1.0, _UNSEEN)[:, None].astype(np.float32)
        self._colors = self._colors + np.concatenate([mesh.colors * weight, weight], axis=1)
        self._faces = mesh.faces

    def moving_face(self, tolerance: float, most: int) -> MovingFace:
        """All of it; its form to within tolerance, metres rms, if so many shapes suffice.

        Raises ValueError where no mesh was added.
        """
        shapes = self._shapes.shapes(tolerance, most)
        R, t = (np.stack(values) for values in zip(*self._poses))
        colors = self._colors[:, :3] / self._colors[:, 3:]
        return MovingFace(self._name, shapes, self._faces, colors, np.array(self._numbers), R, t)
