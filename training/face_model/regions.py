"""Labels of the vertices: brows, eyes, lips and the inside of the mouth."""

from __future__ import annotations

import numpy as np
from mediapipe.python.solutions import face_mesh_connections as contours

from extreme3d_ros.face_model.model import BROW, EYE, LIP, MOUTH_INTERIOR, SKIN, FaceModel
from training.face_model.planar import inside_polygon
from training.face_model.topology import Topology

#: MediaPipe's eyebrow contours (face_mesh_connections): the lower chain outwards in, then the upper one back.
BROWS = (
    np.array([276, 283, 282, 295, 285, 336, 296, 334, 293, 300]),
    np.array([46, 53, 52, 65, 55, 107, 66, 105, 63, 70]),
)


def label(model: FaceModel, topology: Topology) -> np.ndarray:
    """(V,) labels, symmetric: membranes, and what lies inside the landmarks' outlines in the uv layout."""
    uv = model.uv.astype(np.float64)
    points = model.landmarks468.on(model.faces, uv)
    regions = np.full(len(uv), SKIN, np.uint8)
    for brow in BROWS:
        regions[inside_polygon(uv, points[brow])] = BROW
    regions[inside_polygon(uv, points[_outer_lips(points)])] = LIP
    inner = model.landmarks68.on(model.faces, uv)[60:68]
    regions[inside_polygon(uv, inner)] = MOUTH_INTERIOR
    regions[topology.eye], regions[topology.mouth] = EYE, MOUTH_INTERIOR
    right = regions[model.mirror]
    # Where both sides disagree by a hair the left side decides.
    half = np.arange(len(uv)) < (len(uv) + topology.midline) // 2
    return np.where(half, regions, right)


def _outer_lips(points):
    """The longest closed loop of MediaPipe's lip contours, in order."""
    follow = {}
    for i, j in contours.FACEMESH_LIPS:
        follow.setdefault(i, set()).add(j)
        follow.setdefault(j, set()).add(i)
    loops, left = [], set(follow)
    while left:
        loop = [min(left)]
        left.discard(loop[0])
        while following := follow[loop[-1]] & left:
            loop.append(min(following))
            left.discard(loop[-1])
        loops.append(np.array(loop))
    return max(loops, key=lambda loop: np.ptp(points[loop], axis=0).prod())
