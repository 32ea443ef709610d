"""A depth map as a mesh: one vertex a pixel."""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.camera import Camera

#: Neighbours whose depths differ by more (metres) are not joined.
_JUMP = 0.004


def depth_mesh(depth: np.ndarray, mask: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mesh of the masked pixels of a depth map.

    depth: (H, W) metres along z; mask: (H, W) bool. Returns vertices (N, 3) float32 in the camera's frame, faces (T, 3)
    int32 that turn their front to the camera, and pixels (N, 2) int (x, y) of the vertices, row by row. Pixels of no
    triangle are left out.
    """
    depth = np.ascontiguousarray(depth)
    number = np.where(mask & np.isfinite(depth), 0, -1).astype(np.int32)
    faces = np.empty((2 * number.size, 3), np.int32)
    faces = faces[: _joined(depth, depth.dtype.type(_JUMP), number, faces)].copy()
    y, x = np.nonzero(number > 0)
    pixels = np.stack([x, y], axis=1)
    _numbered(number.reshape(-1), faces)
    vertices = camera.rays(pixels.astype(np.float64)) * depth[y, x][:, None]
    return vertices.astype(np.float32), faces, pixels


@njit(cache=True, nogil=True)
def _joined(depth, jump, number, faces):
    """Writes the triangles, of places on the grid, and returns their count. number: 0 where a pixel may have some, set
    to 1 where it has."""
    height, width = depth.shape
    count = 0
    for half in range(2):
        for y in range(height - 1):
            for x in range(width - 1):
                # Counter-clockwise seen from the camera, whose y points down: first down, then right.
                yi, xi = (y, x) if half == 0 else (y, x + 1)
                yk, xk = (y, x + 1) if half == 0 else (y + 1, x + 1)
                if number[yi, xi] < 0 or number[y + 1, x] < 0 or number[yk, xk] < 0:
                    continue
                i, j, k = depth[yi, xi], depth[y + 1, x], depth[yk, xk]
                if max(i, j, k) - min(i, j, k) <= jump:
                    number[yi, xi] = number[y + 1, x] = number[yk, xk] = 1
                    faces[count, 0] = yi * width + xi
                    faces[count, 1] = (y + 1) * width + x
                    faces[count, 2] = yk * width + xk
                    count += 1
    return count


@njit(cache=True, nogil=True)
def _numbered(number, faces):
    """Exchanges places on the grid for the numbers of those that are used (number 1), row by row."""
    used = 0
    for place in range(len(number)):
        if number[place] == 1:
            number[place] = used
            used += 1
    for t in range(len(faces)):
        for i in range(3):
            faces[t, i] = number[faces[t, i]]
