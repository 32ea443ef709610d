"""What fixed triangles let us work out once: the foundation's own topology, and a finer one of the same face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.twins import edge_twins
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
    mirror_edge = edge_twins(edges, model.mirror, model.mean)
    mirror = np.concatenate([model.mirror, count + mirror_edge]).astype(np.int32)
    return Topology(faces, unique_edges(faces), mirror, matrix)
