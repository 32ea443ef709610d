"""Distance from a true surface to a reconstructed mesh, in the manner of the NoW benchmark (Sanyal et al., CVPR 2019):
similarity by landmarks, a few rounds of ICP, and then the distances from the scan's points to the mesh's triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.distance import MeshDistance

#: The scan is scaled so that its outer eye corners are this far apart (metres).
EYE_DISTANCE = 0.090
#: Of the 68 standard points: eye corners, nose base, mouth corners.
ALIGNED = np.array([36, 39, 42, 45, 33, 48, 54])
_ROUNDS, _THINNED, _KEPT = 5, 8, 0.95


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
