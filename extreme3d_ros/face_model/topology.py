"""What fixed triangles let us work out once: the foundation's own topology, and a finer one of the same face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.twins import edge_twins
from extreme3d_ros.geometry.subdivision import loop, unique_edges

#: Where smoothing would leave a triangle with a smaller angle than this (a cosine), as on a lid's edge, there is none.
_SLIVER = np.cos(np.radians(12.0))


@dataclass(frozen=True)
class Topology:
    """A face mesh of N vertices and T triangles that follows the foundation's V vertices linearly.

    faces: (T, 3) int32; edges: (E, 2); mirror: (N,) each vertex's twin; from_foundation: (N, V) sparse.
    """

    faces: np.ndarray
    edges: np.ndarray
    mirror: np.ndarray
    from_foundation: sp.csr_matrix


def sparse_topology(model: FaceModel) -> Topology:
    """The face model's own triangles."""
    count = len(model.mean)
    identity = sp.identity(count, dtype=np.float32, format="csr")
    return Topology(model.faces, unique_edges(model.faces), model.mirror, identity)


def dense_topology(model: FaceModel) -> Topology:
    """Each triangle in four (Loop): about as many vertices as a face has pixels on the crop."""
    count = len(model.mean)
    matrix, faces, _ = loop(model.faces, count)
    sharp = np.zeros(count, bool)
    sharp[model.faces[_slivers(matrix @ model.mean, faces) // 4]] = True
    matrix, faces, edges = loop(model.faces, count, sharp | sharp[model.mirror])
    mirror_edge = edge_twins(edges, model.mirror, model.mean)
    mirror = np.concatenate([model.mirror, count + mirror_edge]).astype(np.int32)
    return Topology(faces, unique_edges(faces), mirror, matrix)


def _slivers(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The triangles whose smallest angle, opposite to their shortest side, is too small; or that have no area."""
    corners = np.asarray(vertices, np.float64)[faces]
    short, middle, long = np.sort(np.linalg.norm(np.roll(corners, -1, 1) - corners, axis=2)).T
    return np.flatnonzero(middle**2 + long**2 - short**2 >= 2 * _SLIVER * middle * long)
