"""Sheets in the head's frame: cloth around a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from training.faces.occluders.layers import soft
from training.faces.occluders.place import Place


@dataclass(frozen=True)
class Sheet:
    """alpha: (H, W) opacity; normals: (H, W, 3) picture x, picture y, towards the camera; u, v: (H, W) 0..1 along its
    columns and rows."""

    alpha: np.ndarray
    normals: np.ndarray
    u: np.ndarray
    v: np.ndarray


def sheet(place: Place, points: np.ndarray, both_sides: bool = False, blur: float = 0.6) -> Sheet:
    """What is seen of a grid of points (rows, columns, 3), metres in the head's frame. Its outside is where the columns
    go from the head's right to its left and the rows down; its inside is seen only with both_sides."""
    rows, columns = points.shape[:2]
    placed = place.view.place(points.reshape(-1, 3)).astype(np.float32)
    triangles = _triangles(rows, columns)
    normals = vertex_normals(placed, triangles)
    if not both_sides:
        corners = placed[triangles]
        outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        triangles = triangles[(outwards * corners[:, 0]).sum(1) < 0]
    v, u = (g.ravel() for g in np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij"))
    raster = rasterize(placed, triangles, place.view.camera)
    values = raster.interpolate(triangles, np.column_stack([normals, u, v]).astype(np.float32))
    normals = values[..., :3] * np.where(values[..., 2:3] > 0, -1, 1) * np.float32([1, 1, -1])
    alpha = soft(raster.covered.astype(np.uint8) * 255, blur)
    return Sheet(alpha, normals, values[..., 3], values[..., 4])


def _triangles(rows: int, columns: int) -> np.ndarray:
    """(T, 3), counter-clockwise from outside."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.column_stack([a, c, b]), np.column_stack([b, c, d])]).astype(np.int32)
