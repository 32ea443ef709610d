"""Surface normals, and how they lie to the camera."""

from __future__ import annotations

import numpy as np
from numba import njit


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) float32, area-weighted means over the triangles (T, 3) around each vertex.

    Corners counter-clockwise as seen from outside give outward normals in any right-handed frame. A vertex of no
    triangle, or of degenerate ones only, has the normal 0.
    """
    return _vertex_normals(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32))


@njit(cache=True, nogil=True, error_model="numpy")
def _vertex_normals(vertices, faces):
    normals = np.zeros_like(vertices)
    for t in range(faces.shape[0]):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, az = vertices[j, 0] - vertices[i, 0], vertices[j, 1] - vertices[i, 1], vertices[j, 2] - vertices[i, 2]
        bx, by, bz = vertices[k, 0] - vertices[i, 0], vertices[k, 1] - vertices[i, 1], vertices[k, 2] - vertices[i, 2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
    for v in range(normals.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            normals[v, 0], normals[v, 1], normals[v, 2] = x / length, y / length, z / length
    return normals


def facing(vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Cosines (V,) between the normals (V, 3) of vertices (V, 3), camera frame, and the directions to the camera."""
    distance = np.sqrt(np.einsum("vi,vi->v", vertices, vertices))
    return -np.einsum("vi,vi->v", normals, vertices) / distance
