"""Loop subdivision (Loop 1987) as a sparse matrix, so that it costs one product a frame."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def loop(
    faces: np.ndarray, count: int, sharp: np.ndarray | None = None
) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    """One step of subdivision of a manifold mesh of `count` vertices, with or without boundary.

    faces: (T, 3); sharp: (count,) bool, vertices that stay where they are, and between which an edge stays straight
    (the corners and creases of Hoppe et al. 1994). Returns the matrix (count + E, count), float32, that makes the fine
    vertices from the coarse ones (the first `count` stem from the coarse vertices, the others from the E edges), the
    fine faces (4 T, 3) int32, four after four those of a coarse one, and the edges (E, 2), smaller index first.
    """
    corners = np.asarray(faces, np.int64)
    opposite = np.concatenate([corners[:, 2], corners[:, 0], corners[:, 1]])
    keys, edge_of, uses = np.unique(edge_keys(corners), return_inverse=True, return_counts=True)
    edges = _ends(keys)
    if uses.max(initial=0) > 2:
        raise ValueError("an edge with more than two triangles: the mesh is not manifold")
    sharp = np.zeros(count, bool) if sharp is None else sharp
    odd = _edge_rows(edges, edge_of, opposite, (uses == 1) | sharp[edges].all(1), count)
    even = _vertex_rows(edges, uses == 1, sharp, count)
    ab, bc, ca = (count + edge_of.reshape(3, -1)).astype(np.int64)
    a, b, c = corners.T
    fine = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    return sp.vstack([even, odd]).tocsr().astype(np.float32), fine.astype(np.int32), edges


def _edge_rows(edges, edge_of, opposite, straight, count):
    """New vertices on the edges: 3/8 of each end and 1/8 of each opposite corner; the middle of a straight one."""
    index = np.arange(len(edges))
    end = np.where(straight, 0.5, 0.375)
    inner = ~straight[edge_of]
    rows = np.concatenate([index, index, edge_of[inner]])
    columns = np.concatenate([edges[:, 0], edges[:, 1], opposite[inner]])
    values = np.concatenate([end, end, np.full(inner.sum(), 0.125)])
    return sp.csr_matrix((values, (rows, columns)), shape=(len(edges), count))


def _vertex_rows(edges, boundary, sharp, count):
    """Old vertices: drawn towards their neighbours; on the boundary towards the two along it only; not if sharp."""
    adjacency = _symmetric(edges, count)
    along = _symmetric(edges[boundary], count)
    degree = np.asarray(adjacency.sum(1)).ravel()
    on_boundary = np.asarray(along.sum(1)).ravel() > 0
    degree = np.maximum(degree, 1)
    beta = (5 / 8 - (3 / 8 + np.cos(2 * np.pi / degree) / 4) ** 2) / degree
    inner = sp.diags(np.where(on_boundary, 0.0, beta)) @ adjacency
    outer = sp.diags(np.where(on_boundary, 0.125, 0.0)) @ along
    pulled = sp.diags(1.0 - sharp) @ (inner + outer)
    return pulled + sp.diags(1 - np.asarray(pulled.sum(1)).ravel())


def _symmetric(edges, count):
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))


def half_edges(faces: np.ndarray) -> np.ndarray:
    """The sides (3 T, 2) of triangles (T, 3) in their own direction: the first side of each, then the second, the
    third."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def unique_edges(faces: np.ndarray) -> np.ndarray:
    """The edges (E, 2) of a mesh, each once, smaller index first, sorted."""
    return _ends(np.unique(edge_keys(faces)))


def edge_keys(faces: np.ndarray) -> np.ndarray:
    """A number (3 T,) int64 for each side of triangles (T, 3), whichever way it runs; numpy is slow to sort pairs."""
    start, end = half_edges(np.asarray(faces, np.int64)).T
    return np.minimum(start, end) << 32 | np.maximum(start, end)


def _ends(keys):
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1)
