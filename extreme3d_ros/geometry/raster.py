"""A z-buffer rasteriser: which triangle a pixel sees, where on it, and how far away.

For the foundation this is the dense-from-sparse registration of the paper (Sec. 4.3, Eq. 6): a pixel's triangle and its
barycentric coordinates are the (u, v) that tie a dense point to the sparse mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from extreme3d_ros.camera import Camera


@dataclass(frozen=True)
class Raster:
    """What each pixel of an H x W image sees of a mesh.

    depth: (H, W) float32 metres along z, inf where nothing is seen.
    triangle: (H, W) int32 index of the triangle, -1 where nothing is seen.
    barycentric: (H, W, 3) float32 perspective-correct weights of its corners (sum 1; 0 where nothing is seen).
    """

    depth: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray

    @cached_property
    def covered(self) -> np.ndarray:
        """(H, W) bool: pixels that see the mesh."""
        return self.triangle >= 0

    def interpolate(self, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Per-vertex values (V, C) to the pixels that see them: (H, W, C) float32, 0 where nothing is seen."""
        faces, values = np.ascontiguousarray(faces, np.int32), np.ascontiguousarray(values, np.float32)
        return _interpolate(self.triangle, self.barycentric, faces, values)


def rasterize(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> Raster:
    """Rasterise a mesh: vertices (V, 3) metres in the camera's frame, faces (T, 3); either side of a triangle is seen.

    Triangles with a corner at or behind the camera, or with a non-finite corner, are left out.
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = camera.project(vertices)
    return Raster(
        *_rasterize(
            pixels,
            np.ascontiguousarray(vertices[:, 2]),
            np.ascontiguousarray(faces, dtype=np.int32),
            camera.height,
            camera.width,
        )
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _rasterize(pixels, depths, faces, height, width):
    depth = np.full((height, width), np.inf, dtype=np.float32)
    triangle = np.full((height, width), -1, dtype=np.int32)
    barycentric = np.zeros((height, width, 3), dtype=np.float32)
    for t in range(faces.shape[0]):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        if not (depths[i] > 0.0 and depths[j] > 0.0 and depths[k] > 0.0):
            continue
        xi, yi, xj, yj, xk, yk = pixels[i, 0], pixels[i, 1], pixels[j, 0], pixels[j, 1], pixels[k, 0], pixels[k, 1]
        area = (xj - xi) * (yk - yi) - (xk - xi) * (yj - yi)
        if not np.isfinite(area) or area == 0.0:
            continue
        x0 = max(int(np.ceil(min(xi, xj, xk))), 0)
        x1 = min(int(np.floor(max(xi, xj, xk))), width - 1)
        y0 = max(int(np.ceil(min(yi, yj, yk))), 0)
        y1 = min(int(np.floor(max(yi, yj, yk))), height - 1)
        # The weights of the first two corners are linear on the screen: a step right or down adds a constant.
        a_right, a_down = (yj - yk) / area, (xk - xj) / area
        b_right, b_down = (yk - yi) / area, (xi - xk) / area
        wi, wj, wk = 1.0 / depths[i], 1.0 / depths[j], 1.0 / depths[k]
        for y in range(y0, y1 + 1):
            a_row = a_right * (x0 - xk) + a_down * (y - yk)
            b_row = b_right * (x0 - xk) + b_down * (y - yk)
            reached = False
            for x in range(x0, x1 + 1):
                a = a_row + a_right * (x - x0)
                b = b_row + b_right * (x - x0)
                c = 1.0 - a - b
                if min(a, b, c) < -1e-9:
                    if reached:  # and left again: a triangle is convex
                        break
                    continue
                reached = True
                # 1/z, not z, is linear on the screen; the corners' weights follow from it.
                a *= wi
                b *= wj
                c *= wk
                w = a + b + c
                if w * depth[y, x] > 1.0:
                    z = 1.0 / w
                    depth[y, x] = z
                    triangle[y, x] = t
                    barycentric[y, x, 0] = a * z
                    barycentric[y, x, 1] = b * z
                    barycentric[y, x, 2] = c * z
    return depth, triangle, barycentric


@njit(cache=True, nogil=True)
def _interpolate(triangle, barycentric, faces, values):
    height, width = triangle.shape
    channels = values.shape[1]
    image = np.zeros((height, width, channels), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t >= 0:
                i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
                a, b, c = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
                for n in range(channels):
                    image[y, x, n] = a * values[i, n] + b * values[j, n] + c * values[k, n]
    return image
