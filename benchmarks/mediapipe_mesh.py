"""MediaPipe's own answer: its 468 points with the depth it gives them, as a mesh."""

from __future__ import annotations

import numpy as np
from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

from extreme3d_ros.face_model.model import FaceModel
from training.face_model.sightings import Detector


class MediaPipeMesh:
    """The packaged graph. triangles: (T, 3) of the 468 points; like68: (68,) the points that stand in for the 68."""

    def __init__(self, model: FaceModel):
        self._graph = Detector().graph
        self.triangles = tesselation()
        points68 = model.landmarks68.on(model.faces, model.mean)
        points468 = model.landmarks468.on(model.faces, model.mean)
        self.like68 = np.linalg.norm(points68[:, None] - points468[None], axis=2).argmin(1)

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """Points (468, 3) of a BGR image: x, y in pixels, z in the same unit, away from the camera; None: no face."""
        found = self._graph.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks
        if not found:
            return None
        height, width = image.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in found[0].landmark[:468]])
        return points * [width, height, width] - [0.5, 0.5, 0.0]


def tesselation() -> np.ndarray:
    """(T, 3) the triangles that MediaPipe's edges enclose."""
    neighbours: dict[int, set[int]] = {}
    for a, b in FACEMESH_TESSELATION:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    found = {
        tuple(sorted((a, b, c))) for a, around in neighbours.items() for b in around for c in around & neighbours[b]
    }
    return np.array(sorted(found))
