"""Bump maps unwrapped into the face model's own texture space, and laid back on a crop (Sec. 4.2's registration).

The paper aligns a reference with the input by a similarity in 2D. Here the foundation registers them densely: a texel
is the same spot of every face, whatever its pose, expression and shape. Such an unwrapped bump is called a skin:
(S, S) float32, row = v, column = u, texel c's middle at (c + 0.5) / S; height along the surface's normal in metres,
positive outwards, NaN where nothing is known. The shipped model's chart is symmetric: a skin flipped left to right is
that of the mirrored face.

A bump map's metres run along z (Eq. 4), and are taken for metres along the ray: next to the edge of an image whose
focal length is the assumed one a height becomes 8 % too low, and a bump laid back there as much too high.
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
_SAME_DEPTH = np.float32(0.003)
#: Pixels that see the surface more obliquely (cosine) give a skin nothing: a depth there says little of a height.
_LEAST_FACING = np.float32(0.3)
#: Share of the bilinear weights that must be known for a value between known and unknown ones.
_LEAST_KNOWN = np.float32(0.5)
#: Keeps kernels from counting in double.
_ONE = np.float32(1)


class Unwrapping:
    """From the crop's pixels to the texels and back. model: whose texture space it is."""

    def __init__(self, model: FaceModel):
        self.model = model
        self._faces = np.ascontiguousarray(model.faces, np.int32)
        self._corners = np.ascontiguousarray(model.uv, np.float32)[self._faces]
        chart = np.column_stack([model.uv, np.ones(len(model.uv))])
        camera = Camera(np.array([[SIZE, 0, -0.5], [0, SIZE, -0.5], [0, 0, 1.0]]), SIZE, SIZE)
        self._texels = rasterize(chart, self._faces, camera)

    def __call__(
        self, foundation: Foundation, crop: Crop, surface: Surface, bump: np.ndarray, visible: np.ndarray
    ) -> np.ndarray:
        """The skin (S, S) of a bump map (H, W) metres; known where the pixels are `visible` (H, W) bool,
        see the texel's spot itself and not too obliquely."""
        return self.trusted(foundation, crop, surface, bump, visible)[0]

    def trusted(
        self, foundation: Foundation, crop: Crop, surface: Surface, bump: np.ndarray, trust: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The skin (S, S) of a bump map, and its texels' weights (S, S) float32: the trust in the pixels that see one,
        times the cosine at which they do; 0 where the skin is unknown.

        trust: (H, W), 0 (unseen) to 1.
        """
        places = np.empty((len(foundation.vertices), 3), np.float32)
        places[:, :2], places[:, 2] = crop.camera.project(foundation.vertices), foundation.vertices[:, 2]
        texels = self._texels
        return _unwrapped(
            texels.triangle, texels.barycentric, self._faces, places, surface.raster.depth, surface.facing, bump, trust
        )

    def laid_on(self, skin: np.ndarray, surface: Surface, where: np.ndarray | None = None) -> np.ndarray:
        """A skin (S, S) of any size as a bump map (H, W) float32, metres; NaN where it isn't known.

        where: (H, W) bool, the pixels that are wanted (None: all that see the foundation); NaN elsewhere.
        """
        covered = surface.raster.covered
        wanted = covered if where is None else covered & where
        bump = np.where(wanted, np.float32(0), np.float32(np.nan))
        self._add(bump, skin, surface, wanted, np.float32(np.nan))
        return bump

    def added(self, bump: np.ndarray, skin: np.ndarray, surface: Surface, where: np.ndarray) -> np.ndarray:
        """A bump map (H, W) with a skin (S, S) added on the pixels of `where` (H, W) bool that know it."""
        bump = bump.copy()
        self._add(bump, skin, surface, where, np.float32(0))
        return bump

    def of_vertices(self, values: np.ndarray) -> np.ndarray:
        """Values (V,) of the model's vertices on the texels (S, S) float32; 0 off the chart."""
        return self._texels.interpolate(self._faces, values[:, None])[..., 0]

    def _add(self, bump, skin, surface, wanted, unknown):
        raster, (rows, columns) = surface.raster, surface.box
        box = rows.start, rows.stop, columns.start, columns.stop
        skin, facing = np.ascontiguousarray(skin, np.float32), surface.facing
        _add(bump, skin, raster.triangle, raster.barycentric, self._corners, facing, wanted, unknown, box)


@njit(cache=True, nogil=True)
def _unwrapped(triangle, barycentric, faces, places, depth, facing, bump, trust):
    height, width = depth.shape
    skin = np.full(triangle.shape, np.nan, np.float32)
    weight = np.zeros(triangle.shape, np.float32)
    for row in range(triangle.shape[0]):
        for column in range(triangle.shape[1]):
            t = triangle[row, column]
            if t < 0:
                continue
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            a, b, c = barycentric[row, column, 0], barycentric[row, column, 1], barycentric[row, column, 2]
            # Triangles are small against their distance: weights on the screen and on the surface are the same.
            x = a * places[i, 0] + b * places[j, 0] + c * places[k, 0]
            y = a * places[i, 1] + b * places[j, 1] + c * places[k, 1]
            if not (0.0 <= x < width - 1 and 0.0 <= y < height - 1):
                continue
            z = a * places[i, 2] + b * places[j, 2] + c * places[k, 2]
            left, top = np.int32(x), np.int32(y)
            right, down = np.float32(x - left), np.float32(y - top)
            total, known, trusted = np.float32(0), np.float32(0), np.float32(0)
            for n in range(4):
                xx, yy = left + (n & 1), top + (n >> 1)
                if not trust[yy, xx] or facing[yy, xx] <= _LEAST_FACING or abs(depth[yy, xx] - z) > _SAME_DEPTH:
                    continue
                share = (right if n & 1 else _ONE - right) * (down if n >> 1 else _ONE - down)
                known += share
                share *= facing[yy, xx]
                trusted += share * trust[yy, xx]
                total += share * bump[yy, xx]
            if known >= _LEAST_KNOWN:
                skin[row, column] = total / known
                weight[row, column] = trusted / known
    return skin, weight


@njit(cache=True, nogil=True)
def _add(bump, skin, triangle, barycentric, corners, facing, wanted, unknown, box):
    size, half, first = skin.shape[0], np.float32(0.5), np.float32(0)
    last = np.float32(size - 1)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            t = triangle[y, x]
            if t < 0 or not wanted[y, x]:
                continue
            a, b, c = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            u = (a * corners[t, 0, 0] + b * corners[t, 1, 0] + c * corners[t, 2, 0]) * size - half
            v = (a * corners[t, 0, 1] + b * corners[t, 1, 1] + c * corners[t, 2, 1]) * size - half
            u, v = min(max(u, first), last), min(max(v, first), last)
            left, top = min(np.int32(u), size - 2), min(np.int32(v), size - 2)
            right, down = np.float32(u - left), np.float32(v - top)
            upper = (_ONE - right) * skin[top, left] + right * skin[top, left + 1]
            lower = (_ONE - right) * skin[top + 1, left] + right * skin[top + 1, left + 1]
            height = (_ONE - down) * upper + down * lower
            if np.isnan(height):
                height = _of_the_known(skin, left, top, right, down)
            bump[y, x] += unknown if np.isnan(height) else height / max(facing[y, x], _LEAST_FACING)


@njit(cache=True, nogil=True)
def _of_the_known(skin, left, top, right, down):
    """The height between four texels of which some are unknown; NaN where too little is known."""
    total, known = np.float32(0), np.float32(0)
    for n in range(4):
        height = skin[top + (n >> 1), left + (n & 1)]
        if not np.isnan(height):
            share = (right if n & 1 else _ONE - right) * (down if n >> 1 else _ONE - down)
            total += share * height
            known += share
    return total / known if known >= _LEAST_KNOWN else np.float32(np.nan)
