"""What makes a mesh sound."""

import numpy as np
import trimesh


def assert_sound(vertices, faces, euler):
    """One consistently oriented manifold of the given Euler number; nothing degenerate, double or unused."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert np.isfinite(vertices).all()
    assert mesh.is_winding_consistent
    assert np.bincount(mesh.edges_unique_inverse).max() <= 2
    assert mesh.body_count == 1
    assert mesh.euler_number == euler
    assert mesh.nondegenerate_faces(height=1e-9).all()
    assert mesh.unique_faces().all()
    assert mesh.referenced_vertices.all()
    assert len(np.unique(vertices, axis=0)) == len(vertices)


def rim(faces):
    """(E, 2) the directed edges of one triangle only."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    count = faces.max() + 1
    return edges[~np.isin(edges @ [count, 1], edges @ [1, count])]


def same_edges(vertices, edges, others, their_edges):
    """Whether two meshes have the same edges (E, 2), in space."""
    return {e.tobytes() for e in vertices[edges]} == {e.tobytes() for e in others[their_edges]}
