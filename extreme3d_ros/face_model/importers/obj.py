"""Wavefront OBJ: vertices and polygons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import MOST_VERTICES, BrokenSource

#: An OBJ of MOST_VERTICES with texture coordinates and normals is smaller.
_LARGEST = 100 << 20


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 and polygons (Q, 4) int64 from 0, -1 in the place of a missing fourth corner."""
    if path.stat().st_size > _LARGEST:
        raise BrokenSource(f"{path.name} is larger than {_LARGEST >> 20} MB")
    places, corners = [], []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        if line.startswith("v "):
            places.append(line.split()[1:4])
        elif line.startswith("f "):
            corners.append([word.split("/")[0] for word in line.split()[1:]])
    try:
        vertices = np.array(places, np.float64).reshape(-1, 3)
        faces = np.array([(*corner, "0")[:4] if len(corner) == 3 else corner for corner in corners], np.int64)
    except ValueError:
        raise BrokenSource(f"{path.name} is no OBJ file of triangles and quads") from None
    if not 3 <= len(vertices) <= MOST_VERTICES:
        raise BrokenSource(f"{path.name} has {len(vertices)} vertices")
    faces = faces.reshape(-1, 4) - 1
    if faces[:, :3].min(initial=0) < 0 or faces.min(initial=0) < -1 or faces.max(initial=0) >= len(vertices):
        raise BrokenSource(f"{path.name} has a face with a vertex that is not there")
    return vertices, faces
