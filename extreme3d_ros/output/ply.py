"""Meshes as PLY files: binary little endian, with faces and vertex colours."""

from __future__ import annotations

from pathlib import Path

from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.records import FaceMesh


def write_ply(mesh: FaceMesh, path: str | Path) -> Path:
    """Writes a mesh, metres, and returns the path. Raises InputError where it can't be written."""
    return write_bytes(path, ply_bytes(mesh))


def ply_bytes(mesh: FaceMesh) -> bytes:
    """The file of a mesh, metres."""
    # Imported here: it takes a third of what a node's imports take, and most nodes save nothing.
    import trimesh
    from trimesh.exchange.ply import export_ply

    geometry = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.colors, process=False)
    return export_ply(geometry, encoding="binary", vertex_normal=False)
