"""Bump maps unwrapped into the face model's own texture space, and laid back on a crop (Sec. 4.2's registration).

The paper aligns a reference with the input by a similarity in 2D. Here the foundation registers them densely: a texel
is the same spot of every face, whatever its pose, expression and shape. Such an unwrapped bump is called a skin:
(S, S) float32, row = v, column = u, texel c's middle at (c + 0.5) / S; height along the surface's normal in metres,
positive outwards, NaN where nothing is known. The shipped model's chart is symmetric: a skin flipped left to right is
that of the mirrored face.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import Crop, Foundation, Surface

#: Texels along a side of a skin. The shipped model's are 0.9 mm wide.
SIZE = 256

#: A pixel sees a texel's spot if their depths agree so far, metres.
_SAME_DEPTH = 0.003
#: Pixels that see the surface more obliquely (cosine) give a skin nothing: a depth there says little of a height.
_LEAST_FACING = 0.3
#: Share of the bilinear weights that must be known for a value between known and unknown ones.
_LEAST_KNOWN = 0.5


class Unwrapping:
    """From the crop's pixels to the texels and back."""

    def __init__(self, model: FaceModel, size: int = SIZE):
        self._faces = np.ascontiguousarray(model.faces, np.int32)
        self._uv = np.ascontiguousarray(model.uv, np.float32)
        chart = np.column_stack([model.uv, np.ones(len(model.uv))])
        camera = Camera(np.array([[size, 0, -0.5], [0, size, -0.5], [0, 0, 1.0]]), size, size)
        self._texels = rasterize(chart, self._faces, camera)

    def __call__(
        self, foundation: Foundation, crop: Crop, surface: Surface, bump: np.ndarray, visible: np.ndarray
    ) -> np.ndarray:
        """The skin (S, S) of a bump map (H, W) metres along the rays; known where the pixels are `visible` (H, W) bool,
        see the texel's spot itself and not too obliquely."""
        return _unwrapped(
            self._texels.triangle,
            self._texels.barycentric,
            self._faces,
            foundation.vertices,
            crop.camera.project(foundation.vertices),
            surface.raster.depth,
            surface.facing,
            bump,
            visible,
        )

    def laid_on(self, skin: np.ndarray, surface: Surface, where: np.ndarray | None = None) -> np.ndarray:
        """A skin (S, S) of any size as a bump map (H, W) float32, metres along the rays; NaN where it isn't known.

        where: (H, W) bool, the pixels that are wanted (None: all that see the foundation); NaN elsewhere.
        """
        raster = surface.raster
        wanted = raster.covered if where is None else where
        return _laid_on(
            np.ascontiguousarray(skin, np.float32),
            raster.triangle,
            raster.barycentric,
            self._faces,
            self._uv,
            surface.facing,
            wanted,
        )


@njit(cache=True, nogil=True)
def _unwrapped(triangle, barycentric, faces, vertices, pixels, depth, facing, bump, visible):
    height, width = depth.shape
    skin = np.full(triangle.shape, np.nan, np.float32)
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            t = triangle[row, column]
            if t < 0:
                continue
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            a, b, c = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            z = a * vertices[i, 2] + b * vertices[j, 2] + c * vertices[k, 2]
            # Triangles are small against their distance: weights on the screen and on the surface are the same.
            x = a * pixels[i, 0] + b * pixels[j, 0] + c * pixels[k, 0]
            y = a * pixels[i, 1] + b * pixels[j, 1] + c * pixels[k, 1]
            if not (0.0 <= x < width - 1 and 0.0 <= y < height - 1):
                continue
            left, top = int(x), int(y)
            total, known = np.float32(0), np.float32(0)
            for n in range(4):
                right, down = n & 1, n >> 1
                xx, yy = left + right, top + down
                if not visible[yy, xx] or facing[yy, xx] <= _LEAST_FACING or abs(depth[yy, xx] - z) > _SAME_DEPTH:
                    continue
                share = (x - left if right else 1 - x + left) * (y - top if down else 1 - y + top)
                total += share * bump[yy, xx] * facing[yy, xx]
                known += share
            if known >= _LEAST_KNOWN:
                skin[row, column] = total / known
    return skin


@njit(cache=True, nogil=True)
def _laid_on(skin, triangle, barycentric, faces, uv, facing, wanted):
    height, width = triangle.shape
    size = skin.shape[0]
    bump = np.full((height, width), np.nan, np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0 or not wanted[y, x]:
                continue
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            a, b, c = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            u = (a * uv[i, 0] + b * uv[j, 0] + c * uv[k, 0]) * size - np.float32(0.5)
            v = (a * uv[i, 1] + b * uv[j, 1] + c * uv[k, 1]) * size - np.float32(0.5)
            u = min(max(u, np.float32(0)), np.float32(size - 1))
            v = min(max(v, np.float32(0)), np.float32(size - 1))
            left, top = min(int(u), size - 2), min(int(v), size - 2)
            total, known = np.float32(0), np.float32(0)
            for n in range(4):
                right, down = n & 1, n >> 1
                value = skin[top + down, left + right]
                if np.isnan(value):
                    continue
                share = (u - left if right else 1 - u + left) * (v - top if down else 1 - v + top)
                total += share * value
                known += share
            if known >= _LEAST_KNOWN:
                bump[y, x] = total / known / max(facing[y, x], np.float32(_LEAST_FACING))
    return bump
