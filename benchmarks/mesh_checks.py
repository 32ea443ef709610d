"""What trimesh says of a finished mesh."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import trimesh
from scipy.sparse.csgraph import connected_components
from trimesh.grouping import group_rows

#: Triangles with a smaller angle are slivers, degrees.
_SLIVER = 5.0


def mesh_checks(vertices: np.ndarray, faces: np.ndarray, base: np.ndarray) -> dict[str, float]:
    """Counts by name. "components" should be 1, "loops" the face's rim and the model's openings; the others 0, but
    for "angle", the smallest of all in degrees.

    vertices: (N, 3); faces: (T, 3); base: (N, 3) the same mesh without detail, whose triangles none should face away
    from ("turned over").
    """
    mesh = trimesh.Trimesh(vertices.astype(np.float64), faces, process=False, validate=False)
    smooth = trimesh.Trimesh(base.astype(np.float64), faces, process=False, validate=False)
    edges, uses = np.unique(mesh.edges_sorted, axis=0, return_counts=True)
    rim = edges[uses == 1]
    angles = np.degrees(mesh.face_angles.min(1))
    normals = mesh.triangles_cross * smooth.triangles_cross
    return {
        "components": len(trimesh.graph.connected_components(mesh.edges, nodes=np.arange(len(vertices)))),
        "winding": int(not mesh.is_winding_consistent),
        "edges of > 2": int((uses > 2).sum()),
        "loops": _parts(rim, len(vertices)),
        "forks of the rim": int((np.bincount(rim.ravel()) > 2).sum()),
        "degenerate": int((~mesh.nondegenerate_faces()).sum()),
        "duplicate triangles": len(faces) - len(np.unique(np.sort(faces, axis=1), axis=0)),
        "unreferenced": len(vertices) - len(np.unique(faces)),
        "duplicate vertices": len(vertices) - len(group_rows(mesh.vertices, digits=8)),
        "not finite": int((~np.isfinite(vertices)).sum()),
        f"angles < {_SLIVER:.0f}": int((angles < _SLIVER).sum()),
        "angle": round(float(angles.min()), 2),
        "turned over": int((normals.sum(1) < 0).sum()),
    }


def _parts(edges, count):
    """How many connected parts the edges (E, 2) make."""
    links = sp.csr_matrix((np.ones(len(edges)), tuple(edges.T)), (count, count))
    return connected_components(links, directed=False)[0] - (count - len(np.unique(edges)))
