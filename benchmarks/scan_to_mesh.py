"""Distance from a true surface to a reconstructed mesh, in the manner of the NoW benchmark (Sanyal et al., CVPR 2019):
similarity by landmarks, a few rounds of ICP, and then the distances from the scan's points to the mesh's triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.distance import MeshDistance
from extreme3d_ros.geometry.alignment import similarity
from training.face_model.ict import NOSTRIL_RADIUS, SKIN_VERTICES, nostril_distance
from training.face_model.skin import within_outline
from training.faces.head import Heads

#: The scan is scaled so that its outer eye corners are this far apart (metres).
EYE_DISTANCE = 0.090
#: Of the 68 standard points: eye corners, nose base, mouth corners.
ALIGNED = np.array([36, 39, 42, 45, 33, 48, 54])
_ROUNDS, _THINNED, _KEPT = 5, 8, 0.95
#: The scan: ICT's skin within this part of the model's area (1: to its rim), so that every mesh reaches as far.
_AREA = 0.75


@dataclass(frozen=True)
class Scan:
    """A true surface. points: (N, 3) metres; landmarks: (7, 3) the ALIGNED ones of its 68 points."""

    points: np.ndarray
    landmarks: np.ndarray


def normalised(points: np.ndarray, points68: np.ndarray) -> Scan:
    """A scan (N, 3) with its 68 points (68, 3), scaled to EYE_DISTANCE."""
    scale = EYE_DISTANCE / np.linalg.norm(points68[36] - points68[45])
    return Scan(np.asarray(points, np.float64) * scale, points68[ALIGNED].astype(np.float64) * scale)


def distances_mm(scan: Scan, vertices: np.ndarray, faces: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(N,) millimetres from the scan's points to a mesh; landmarks: (7, 3) the ALIGNED points on the mesh.

    The mesh stays where it is, and the scan moves: distances are measured in the mesh's unit, and scaled back.
    """
    to_triangles = MeshDistance(vertices, faces)
    s, R, t = similarity(scan.landmarks, landmarks)
    some = scan.points[::_THINNED]
    for _ in range(_ROUNDS):
        distance, nearest = to_triangles(s * some @ R.T + t)
        kept = distance <= np.quantile(distance, _KEPT)
        s, R, t = similarity(some[kept], nearest[kept])
    return to_triangles(s * scan.points @ R.T + t)[0] / s * 1e3


def within_area(uv: np.ndarray) -> np.ndarray:
    """(P,) bool: places of ICT's uv square in the scanned area."""
    return (within_outline(uv) < _AREA) & (nostril_distance(uv) > NOSTRIL_RADIUS)


class ToMesh:
    """Median millimetres from a scan to a mesh (V, 3) of the face model's topology. heads: the true faces' makers."""

    def __init__(self, heads: Heads):
        self._model = heads.model
        uv = heads.topology.transfer[:, :SKIN_VERTICES] @ heads.ict.uv
        self._area = within_area(uv) & ~(heads.topology.eye | heads.topology.mouth)

    def __call__(self, scan: Scan, vertices: np.ndarray) -> float:
        return float(np.median(distances_mm(scan, vertices, self._model.faces, self.points68(vertices)[ALIGNED])))

    def scanned(self, vertices: np.ndarray) -> Scan:
        """A true face (V, 3) of the model's topology as a scan."""
        return normalised(vertices[self._area], self.points68(vertices))

    def points68(self, vertices: np.ndarray) -> np.ndarray:
        """(68, 3) on vertices (V, 3)."""
        return self._model.landmarks68.on(self._model.faces, np.asarray(vertices, np.float64))
