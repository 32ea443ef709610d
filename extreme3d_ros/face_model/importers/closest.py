"""The closest points of a surface."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.face_model.model import Embedding

#: Triangles tried for each point: those whose middles are nearest. Enough where neighbours are of like size.
_CANDIDATES = 24


class Surface:
    """A triangle mesh (V, 3), (T, 3) to which points are brought."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self._corners = vertices[faces].astype(np.float64)
        self._tree = cKDTree(self._corners.mean(1))
        normals = np.cross(self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0])
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)

    def closest(self, points: np.ndarray) -> tuple[Embedding, np.ndarray]:
        """For points (N, 3) the closest places of the surface and how far they are, (N,)."""
        count = min(_CANDIDATES, len(self._corners))
        candidates = self._tree.query(points, count)[1].reshape(len(points), count)
        weights = _weights(points[:, None], *np.moveaxis(self._corners[candidates], 2, 0))
        places = (weights[..., None] * self._corners[candidates]).sum(2)
        distance = np.linalg.norm(places - points[:, None], axis=2)
        best = distance.argmin(1)
        row = np.arange(len(points))
        return Embedding(candidates[row, best].astype(np.int32), weights[row, best]), distance[row, best]

    def at(self, places: Embedding) -> tuple[np.ndarray, np.ndarray]:
        """Positions and triangle normals, (N, 3) each."""
        corners = self._corners[places.triangles]
        return (corners * places.barycentric[..., None]).sum(1), self._normals[places.triangles]


def _weights(point, a, b, c):
    """Barycentric weights (..., 3) of the place of triangle abc closest to a point; all (..., 3)."""
    inside = _plane_weights(point, a, b, c)
    t = np.stack([_along(point, a, b), _along(point, b, c), _along(point, c, a)], axis=-1)
    zero = np.zeros_like(t[..., 0])
    edges = np.stack(
        [
            np.stack([1 - t[..., 0], t[..., 0], zero], -1),
            np.stack([zero, 1 - t[..., 1], t[..., 1]], -1),
            np.stack([t[..., 2], zero, 1 - t[..., 2]], -1),
        ],
        axis=-2,
    )
    places = edges @ np.stack([a, b, c], axis=-2)
    nearest = np.linalg.norm(places - point[..., None, :], axis=-1).argmin(-1)
    edge = np.take_along_axis(edges, nearest[..., None, None], axis=-2)[..., 0, :]
    return np.where((inside >= 0).all(-1, keepdims=True), inside, edge)


def _plane_weights(point, a, b, c):
    """Weights of the point's foot on the triangle's plane; negative for a triangle without area."""
    u, v, w = b - a, c - a, point - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    wu, wv = (w * u).sum(-1), (w * v).sum(-1)
    det = uu * vv - uv * uv
    good = det > 1e-9 * uu * vv
    s, t = (np.where(good, x / np.where(good, det, 1.0), -1.0) for x in (vv * wu - uv * wv, uu * wv - uv * wu))
    return np.stack([1 - s - t, s, t], axis=-1)


def _along(point, a, b):
    """0..1: where on the edge from a to b lies the place closest to the point."""
    edge = b - a
    length = (edge * edge).sum(-1)
    return np.clip(((point - a) * edge).sum(-1) / np.maximum(length, 1e-30), 0, 1)
