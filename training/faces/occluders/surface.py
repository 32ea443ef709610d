"""Sheets in the head's frame: cloth around a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from training.faces.occluders.layers import Box, soft
from training.faces.occluders.place import Place


@dataclass(frozen=True)
class Sheet:
    """alpha: (H, W) opacity; box: where it is; values: (h, w, 5) there: normals (picture x, picture y, towards the
    camera), and u, v: 0..1 along its columns and rows."""

    alpha: np.ndarray
    box: Box
    values: np.ndarray

    def cut(self, box: Box):
        """u, v (h, w) and the normals (three (h, w)) in a part of the box."""
        top, left = box.top - self.box.top, box.left - self.box.left
        part = self.values[top : top + box.size[0], left : left + box.size[1]]
        return part[..., 3], part[..., 4], (part[..., 0], part[..., 1], part[..., 2])


def sheet(place: Place, points: np.ndarray, both_sides: bool = False, blur: float = 0.6, solid=None) -> Sheet:
    """What is seen of a grid of points (rows, columns, 3), metres in the head's frame. Its outside is where the columns
    go from the head's right to its left and the rows down; its inside is seen only with both_sides; solid: another grid
    that hides it."""
    placed, triangles = _placed(place, points)
    normals = vertex_normals(placed, triangles)
    if not both_sides:
        triangles = triangles[_outside(placed, triangles)]
    rows, columns = points.shape[:2]
    v, u = (g.ravel() for g in np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij"))
    values, count = np.column_stack([normals, u, v]).astype(np.float32), len(triangles)
    camera, box = _window(place, placed)
    alpha = np.zeros(place.size, np.float32)
    if solid is not None:
        others, more = _placed(place, solid)
        triangles = np.concatenate([triangles, more + len(placed)])
        values = np.concatenate([values, np.zeros((len(others), 5), np.float32)])
        placed = np.concatenate([placed, others])
    raster = rasterize(placed, triangles, camera)
    seen = raster.interpolate(triangles, values)
    towards = np.where(seen[..., 2] > 0, np.float32(-1), np.float32(1))
    seen[..., 0] *= towards
    seen[..., 1] *= towards
    seen[..., 2] *= -towards
    covered = raster.covered & (raster.triangle < count)
    box.cut(alpha)[:] = soft(covered.astype(np.uint8) * 255, blur)
    return Sheet(alpha, box, seen)


def _placed(place: Place, points):
    """A grid's vertices in the camera's frame and its triangles."""
    return place.view.place(points.reshape(-1, 3)).astype(np.float32), _triangles(*points.shape[:2])


def _outside(placed, triangles):
    """(T,) bool: whether a triangle's outside is seen."""
    corners = placed[triangles]
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return (outwards * corners[:, 0]).sum(1) < 0


def _window(place: Place, placed) -> tuple[Camera, Box]:
    """The part of the camera that sees the vertices."""
    pixels, (height, width) = place.view.camera.project(placed), place.size
    left, top = (int(np.clip(v, 0, most - 8)) for v, most in zip(pixels.min(0) - 4, (width, height)))
    right, bottom = (int(np.clip(v, 8, most)) for v, most in zip(pixels.max(0) + 5, (width, height)))
    box = Box(top, max(bottom, top + 8), left, max(right, left + 8))
    K = place.view.camera.K - np.array([[0, 0, box.left], [0, 0, box.top], [0, 0, 0.0]])
    return Camera(K, box.size[1], box.size[0]), box


def _triangles(rows: int, columns: int) -> np.ndarray:
    """(T, 3), counter-clockwise from outside."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.column_stack([a, c, b]), np.column_stack([b, c, d])]).astype(np.int32)
