"""Ways of soft symmetry: the package's, and those that it is measured against."""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from benchmarks.cross_fade import CrossFade
from benchmarks.symmetry_cases import Case
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.topology import Topology, sparse_topology
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.records import Foundation
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry

WAYS = ("cross-fade", "poisson", "paper")
_REFLECT = np.array([-1.0, 1.0, 1.0])


def ways(model: FaceModel, dense: Topology) -> dict:
    """{name of WAYS: a callable that makes the dense mesh's vertices (N, 3) of a Case}."""
    return {
        "cross-fade": applied(CrossFade(dense)),
        "poisson": applied(SoftSymmetry(dense)),
        "paper": SparseFirst(Paper(sparse_topology(model)), dense),
    }


def applied(way):
    """A way of the package's signature as one that makes vertices (N, 3) of a Case."""
    return partial(_vertices, way)


def own_surface(case: Case, topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    """The foundation's vertices (N, 3), and the same moved onto the detailed depth."""
    base = topology.from_foundation @ case.foundation.vertices
    height = bilinear(case.bump[..., None], case.crop.camera.project(base))
    return base, base - height * base / base[:, 2:]


class SparseFirst:
    """A way on the sparse mesh, and Eqs. 7, 8 and 10 for the dense one: a vertex is seen or not, nothing between."""

    def __init__(self, sparse_way, dense: Topology):
        self._way, self._dense = sparse_way, dense
        self._share = CrossFade(dense)

    def __call__(self, case: Case) -> np.ndarray:
        """Vertices (N, 3) of the dense mesh."""
        mirror, lifted = self._dense.mirror, self._dense.from_foundation @ self._way(case)
        share = (self._share(*case.given).share[:, None] > 0).astype(np.float32)
        residual = share * (own_surface(case, self._dense)[1] - lifted)
        return lifted + residual + (1 - share) * _mirrored(case.foundation, residual, mirror)


class Paper:
    """Eq. 9 on a mesh as the paper writes it: positions, all vertices in one least-squares problem for each axis; its
    normal equations are the same for all three and factorised once."""

    def __init__(self, topology: Topology):
        self._topology, self._share = topology, CrossFade(topology)
        count = len(topology.mirror)
        rows, columns = np.concatenate([topology.edges, topology.edges[:, ::-1]]).T
        links = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
        self._laplacian = (sp.diags(np.asarray(links.sum(1)).ravel()) - links).tocsr()

    def __call__(self, case: Case) -> np.ndarray:
        """Vertices (N, 3) of the mesh."""
        base, own = own_surface(case, self._topology)
        seen = self._share(*case.given).share > 0
        mirror, away = self._topology.mirror, ~seen
        moved = np.where(seen[:, None], own - base, 0)
        twins = self._laplacian @ (base + _mirrored(case.foundation, moved, mirror))
        wanted = np.where(seen[mirror][:, None], twins, self._laplacian @ base)
        A = sp.vstack([self._laplacian[away], sp.identity(len(seen), format="csr")[seen]]).tocsc()
        b = np.concatenate([wanted[away], own[seen]])
        return spsolve((A.T @ A).tocsc(), A.T @ b)


def _vertices(way, case: Case) -> np.ndarray:
    return way(*case.given).vertices


def _mirrored(foundation: Foundation, vectors: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) of the camera's frame, those of the twins, reflected through the head's plane of symmetry."""
    return vectors[mirror] @ foundation.R * _REFLECT @ foundation.R.T
