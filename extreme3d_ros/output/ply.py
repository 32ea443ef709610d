"""Meshes as PLY files: binary little endian, with faces and vertex colours."""

from __future__ import annotations

from pathlib import Path

import trimesh
from trimesh.exchange.ply import export_ply

from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.records import FaceMesh


def write_ply(mesh: FaceMesh, path: str | Path) -> Path:
    """Writes a mesh, metres, and returns the path. Raises InputError where it can't be written."""
    geometry = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.colors, process=False)
    return write_bytes(path, export_ply(geometry, encoding="binary", vertex_normal=False))
