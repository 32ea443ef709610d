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
            place = _on_triangle(points[n], corners[t])
            gap = np.sqrt(((place - points[n]) ** 2).sum())
            if gap < distance[n]:
                distance[n] = gap
                nearest[n] = place
    return distance, nearest


@njit(cache=True, nogil=True)
def _on_triangle(p, corners):
    """The point of a triangle nearest to p: below p where that lies inside, else the nearest of its sides."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    inside, nearest, least = True, corners[0], np.inf
    for k in range(3):
        side, way = corners[(k + 1) % 3] - corners[k], p - corners[k]
        inside &= (np.cross(side, way) * normal).sum() > 0
        place = corners[k] + side * min(max((side * way).sum() / (side * side).sum(), 0.0), 1.0)
        gap = ((place - p) ** 2).sum()
        if gap < least:
            nearest, least = place, gap
    return p - normal * (((p - corners[0]) * normal).sum() / (normal * normal).sum()) if inside else nearest
