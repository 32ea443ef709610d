"""What the road asks of a mesh: an edge has two triangles at most, and outside is where the corners turn left."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.geometry.subdivision import edge_keys

#: The axis of the cylinder for `axial_layout` lies this far behind the sellion, metres.
_AXIS = 0.09


def without_flaws(faces: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) int32 less those with a corner twice, and less the later ones at an edge of more than two."""
    good = (faces != np.roll(faces, 1, axis=1)).all(1)
    faces = faces[good].astype(np.int32)
    while len(faces):
        _, edge, uses = np.unique(edge_keys(faces), return_inverse=True, return_counts=True)
        crowded = np.flatnonzero(uses[edge] > 2)
        if not len(crowded):
            break
        # Of each crowded edge the last triangle goes.
        last = np.zeros(len(uses), np.int64)
        np.maximum.at(last, edge[crowded], crowded % len(faces))
        faces = np.delete(faces, np.unique(last[edge[crowded]]), axis=0)
    return faces


def oriented(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The triangles turned so that the face looks along +z: all of them or none."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    front = vertices[:, 2][faces].mean(1) > np.median(vertices[:, 2])
    outwards = np.cross(b - a, c - a)[front, 2].sum() > 0
    return faces if outwards else np.ascontiguousarray(faces[:, [0, 2, 1]])


def axial_layout(mean: np.ndarray) -> np.ndarray:
    """(V, 2) float32 in [0, 1]: a cylinder unrolled; u along the angle, 0.5 in front, v upwards. For show only."""
    angle = np.arctan2(mean[:, 0], mean[:, 2] + _AXIS) / (2 * np.pi) + 0.5
    low, high = mean[:, 1].min(), mean[:, 1].max()
    height = (mean[:, 1] - low) / max(high - low, 1e-9)
    return np.clip(np.column_stack([angle, height]), 0, 1).astype(np.float32)
