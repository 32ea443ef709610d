"""Mirror twins on meshes whose triangles are not, or not everywhere, each other's mirror images."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

_MIRROR = np.array([-1.0, 1.0, 1.0])


def face_twins(faces: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(T,) int32: for triangles (T, 3) the one on their corners' twins, -1 where those make no triangle."""
    own, twin = np.sort(faces, axis=1), np.sort(mirror[faces], axis=1)
    _, key = np.unique(np.concatenate([own, twin]), axis=0, return_inverse=True)
    key = key.ravel()
    index = np.full(key.max(initial=-1) + 1, -1, np.int32)
    index[key[: len(faces)]] = np.arange(len(faces), dtype=np.int32)
    return index[key[len(faces) :]]


def edge_twins(edges: np.ndarray, mirror: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(E,): for edges (E, 2), sorted, smaller index first, the one between their ends' twins.

    Where the twins share no edge: the edge whose middle lies nearest to the mirrored middle.
    vertices: (V, 3) of the mean in the model's frame.
    """
    count = len(vertices)
    twins = np.sort(mirror[edges], axis=1).astype(np.int64)
    key = edges[:, 0].astype(np.int64) * count + edges[:, 1]
    wanted = twins[:, 0] * count + twins[:, 1]
    found = np.minimum(np.searchsorted(key, wanted), len(edges) - 1)
    lost = key[found] != wanted
    if lost.any():
        middle = vertices[edges].mean(1, dtype=np.float64)
        found[lost] = cKDTree(middle).query(middle[lost] * _MIRROR)[1]
    return found
