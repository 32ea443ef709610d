"""Points fixed on our surface: nearest points, mirror twins, and the 68 standard landmarks."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.model import Embedding
from training.face_model import planar

#: The mirror twin of each of the 68 standard landmarks.
TWINS68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
)


def nearest(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> tuple[Embedding, np.ndarray]:
    """The surface points nearest to points (N, 3), and the distances (N,)."""
    triangles, barycentric = np.empty(len(points), np.int64), np.empty((len(points), 3))
    distance = np.empty(len(points))
    a, b, c = vertices[faces].transpose(1, 0, 2)
    for n, point in enumerate(points):
        weights = _nearest_weights(point, a, b, c)
        gap = np.linalg.norm(weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c - point, axis=1)
        triangles[n] = gap.argmin()
        barycentric[n], distance[n] = weights[triangles[n]], gap[triangles[n]]
    return Embedding(triangles, barycentric), distance


def _nearest_weights(point, a, b, c):
    """Barycentric weights (T, 3) of each triangle's point nearest to the point."""
    u, v, w = b - a, c - a, point - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    det = np.maximum(uu * vv - uv * uv, 1e-300)
    s, t = (vv * wu - uv * wv) / det, (uu * wv - uv * wu) / det
    inside = (s >= 0) & (t >= 0) & (s + t <= 1)
    # Else the nearest point of one of the three sides.
    ab, ac = np.clip(wu / uu, 0, 1), np.clip(wv / vv, 0, 1)
    bc = np.clip(((point - b) * (c - b)).sum(1) / ((c - b) ** 2).sum(1), 0, 1)
    zero = np.zeros_like(ab)
    sides = np.stack([np.stack([ab, zero], 1), np.stack([zero, ac], 1), np.stack([1 - bc, bc], 1)])
    gaps = [((w - st[:, :1] * u - st[:, 1:] * v) ** 2).sum(1) for st in sides]
    best = sides[np.argmin(gaps, axis=0), np.arange(len(a))]
    st = np.where(inside[:, None], np.column_stack([s, t]), best)
    return np.column_stack([1 - st.sum(1), st])


def symmetric(embedding: Embedding, twins, faces, mirror_faces, midline: int) -> Embedding:
    """Make an embedding exactly symmetric: each right point the mirror image of its left twin, a point that is its own
    twin on the midline.

    twins: (N,) involution. A pair's left point is the one that lies on a left triangle (the first half of the faces).
    """
    triangles, barycentric = embedding.triangles.copy(), embedding.barycentric.copy()
    half = len(faces) // 2
    for n, twin in enumerate(twins):
        if n == twin:
            triangles[n], barycentric[n] = _on_midline(triangles[n], barycentric[n], faces, mirror_faces, midline)
        elif triangles[n] < half and not (triangles[twin] < half and twin < n):
            triangles[twin], barycentric[twin] = mirror_faces[triangles[n]], barycentric[n][[0, 2, 1]]
    return Embedding(triangles, barycentric)


def _on_midline(triangle, weights, faces, mirror_faces, midline):
    if triangle >= len(faces) // 2:
        triangle, weights = mirror_faces[triangle], weights[[0, 2, 1]]
    weights = np.where(faces[triangle] < midline, weights, 0.0)
    if weights.sum() < 1e-3:
        raise ValueError("a midline landmark lies off the midline")
    return triangle, weights / weights.sum()


def at_uv(places: np.ndarray, uv: np.ndarray, faces: np.ndarray) -> Embedding:
    """The surface points at places (N, 2) of the layout uv (V, 2); outside it, on the nearest triangle of the rim."""
    return Embedding(*planar.locate(np.ascontiguousarray(places), np.ascontiguousarray(uv), faces))


def embed68(points: np.ndarray, vertices, faces, mirror_faces, midline) -> tuple[Embedding, np.ndarray]:
    """The 68 standard landmarks (68, 3) on the surface, exactly symmetric, and how far off it they lay (68,)."""
    points = 0.5 * (points + points[TWINS68] * [-1.0, 1.0, 1.0])
    embedding, distance = nearest(points, vertices, faces)
    return symmetric(embedding, TWINS68, faces, mirror_faces, midline), distance
