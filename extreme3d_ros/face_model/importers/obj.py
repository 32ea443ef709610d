"""Wavefront OBJ: vertices and polygons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import MOST_TRIANGLES, MOST_VERTICES
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.regular_file import regular

#: Bytes of a line: a polygon of four corners, or a comment.
_LONGEST = 4096


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 and polygons (Q, 4) int64 from 0, -1 in the place of a missing fourth corner."""
    places, corners = _words(path)
    try:
        if any(len(place) != 3 for place in places) or any(len(corner) not in (3, 4) for corner in corners):
            raise ValueError
        vertices = np.array(places, np.float64).reshape(-1, 3)
        faces = np.array([(*corner, b"0")[:4] for corner in corners], np.int64)
    except (ValueError, OverflowError):
        raise Broken(f"{path.name} is no OBJ file of triangles and quads") from None
    if len(vertices) < 3:
        raise Broken(f"{path.name} has {len(vertices)} vertices")
    faces = faces.reshape(-1, 4) - 1
    if faces[:, :3].min(initial=0) < 0 or faces.min(initial=0) < -1 or faces.max(initial=0) >= len(vertices):
        raise Broken(f"{path.name} has a face with a vertex that is not there")
    return vertices, faces


def _words(path: Path) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """Of each vertex its first three words, of each polygon its corners' first ones; line by line, so that no file is
    too large to be refused."""
    places: list[list[bytes]] = []
    corners: list[list[bytes]] = []
    with open(regular(path), "rb") as file:
        while line := file.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise Broken(f"{path.name} has a line of more than {_LONGEST} bytes")
            if line.startswith(b"v "):
                places.append(line.split()[1:4])
            elif line.startswith(b"f "):
                corners.append([word.split(b"/")[0] for word in line.split()[1:6]])
            if len(places) > MOST_VERTICES or len(corners) > MOST_TRIANGLES:
                raise Broken(f"{path.name} has more than {MOST_VERTICES} vertices or {MOST_TRIANGLES} faces")
    return places, corners
