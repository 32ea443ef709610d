"""Distances from points to a triangle mesh, exact."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.spatial import cKDTree


class MeshDistance:
    """Nearest points of one mesh. vertices: (V, 3); faces: (T, 3)."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self._corners = np.ascontiguousarray(np.asarray(vertices, np.float64)[faces])
        centres = self._corners.mean(1)
        #: No point of a triangle is farther than this from its centre.
        self._reach = float(np.linalg.norm(self._corners - centres[:, None], axis=2).max())
        self._tree = cKDTree(centres)

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances (N,) of points (N, 3), in the mesh's own unit, and the nearest points (N, 3) of the mesh."""
        points = np.ascontiguousarray(points, np.float64)
        bound, first = self._tree.query(points)
        bound = np.minimum(bound, _nearest(points, self._corners, first, np.arange(len(points) + 1))[0])
        # A triangle that comes nearer than the bound has its centre within the bound and its own reach.
        candidates = self._tree.query_ball_point(points, bound + self._reach + 1e-12, return_sorted=False)
        starts = np.concatenate([[0], np.cumsum([len(c) for c in candidates])])
        return _nearest(points, self._corners, np.concatenate(candidates).astype(np.int64), starts)


@njit(cache=True, nogil=True)
def _nearest(points, corners, candidates, starts):
    distance = np.full(len(points), np.inf)
    nearest = np.zeros((len(points), 3))
    for n in range(len(points)):
        for m in range(starts[n], starts[n + 1]):
            t = candidates[m]
            place = _on_triangle(points[n], corners[t, 0], corners[t, 1], corners[t, 2])
            gap = np.sqrt(((place - points[n]) ** 2).sum())
            if gap < distance[n]:
                distance[n] = gap
                nearest[n] = place
    return distance, nearest


@njit(cache=True, nogil=True)
def _on_triangle(p, a, b, c):
    """The point of the triangle a, b, c nearest to p: by the Voronoi regions of its corners, sides and face
    (Ericson, "Real-Time Collision Detection", 2005, section 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = (ab * ap).sum(), (ac * ap).sum()
    if d1 <= 0 and d2 <= 0:
        return a
    bp = p - b
    d3, d4 = (ab * bp).sum(), (ac * bp).sum()
    if d3 >= 0 and d4 <= d3:
        return b
    vc = d1 * d4 - d3 * d2
    if vc <= 0 and d1 >= 0 and d3 <= 0:
        return a + ab * (d1 / (d1 - d3))
    cp = p - c
    d5, d6 = (ab * cp).sum(), (ac * cp).sum()
    if d6 >= 0 and d5 <= d6:
        return c
    vb = d5 * d2 - d1 * d6
    if vb <= 0 and d2 >= 0 and d6 <= 0:
        return a + ac * (d2 / (d2 - d6))
    va = d3 * d6 - d5 * d4
    if va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        return b + (c - b) * ((d4 - d3) / ((d4 - d3) + (d5 - d6)))
    total = va + vb + vc
    return a + ab * (vb / total) + ac * (vc / total)
