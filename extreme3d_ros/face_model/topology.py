"""What fixed triangles let us work out once: the foundation's own topology, and a finer one of the same face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.subdivision import loop, unique_edges


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
    matrix, faces, edges = loop(model.faces, count)
    twins = np.sort(model.mirror[edges], axis=1)
    key = edges[:, 0].astype(np.int64) * count + edges[:, 1]  # sorted: `loop` gives the edges in this order
    mirror_edge = np.searchsorted(key, twins[:, 0].astype(np.int64) * count + twins[:, 1])
    mirror = np.concatenate([model.mirror, count + mirror_edge]).astype(np.int32)
    return Topology(faces, unique_edges(faces), mirror, matrix)
