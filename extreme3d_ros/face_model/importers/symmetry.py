"""The plane of symmetry of a model that does not tell it, and each vertex's twin."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

_ROUNDS = 10


def symmetrical(vertices: np.ndarray, near: float, pairs: np.ndarray | None) -> tuple[float, np.ndarray]:
    """The x of the plane and each vertex's twin (V,) int32.

    vertices: (V, 3); near: a first guess of the plane; pairs: (V,) twins told by the source or None. A told pair holds
    where it is mutual; else the twin is the vertex nearest to the mirror image.
    """
    x = vertices[:, 0]
    count = np.arange(len(vertices))
    if pairs is not None and (mutual := pairs[pairs] == count).any():
        plane = float(np.mean(x[mutual] + x[pairs[mutual]]) / 2)
        return plane, np.where(mutual, pairs, _nearest(vertices, plane)).astype(np.int32)
    plane = near
    for _ in range(_ROUNDS):
        twins = _nearest(vertices, plane)
        agreed = twins[twins] == count
        plane = float(np.mean((x + x[twins])[agreed]) / 2) if agreed.any() else plane
    return plane, _nearest(vertices, plane).astype(np.int32)


def _nearest(vertices, plane):
    mirrored = vertices * [-1.0, 1.0, 1.0] + [2 * plane, 0.0, 0.0]
    return cKDTree(vertices).query(mirrored)[1]
