"""The raster stage: what each pixel of the crop sees of the foundation.

Its triangle and barycentric coordinates are the dense-from-sparse registration of Eqs. 6 to 8.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.normals import facing, vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import Crop, Foundation, Surface


class SurfaceRaster:
    """Rasterises the foundation on the crop."""

    def __init__(self, model: FaceModel):
        self._faces = np.ascontiguousarray(model.faces, np.int32)

    def __call__(self, foundation: Foundation, crop: Crop) -> Surface:
        vertices = foundation.vertices
        raster = rasterize(vertices, self._faces, crop.camera)
        normals = vertex_normals(vertices, self._faces)
        cosines = facing(vertices, normals)
        return Surface(raster, *_interpolated(raster.triangle, raster.barycentric, self._faces, normals, cosines))


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolated(triangle, barycentric, faces, normals, facing):
    """Unit normals (H, W, 3) and facing (H, W) of the pixels, from those of the vertices; 0 where nothing is seen.

    One pass for both: most of the time goes into reaching the corners.
    """
    height, width = triangle.shape
    pixel_normals = np.zeros((height, width, 3), dtype=np.float32)
    pixel_facing = np.zeros((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
            a, b, c = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            pixel_facing[y, x] = a * facing[i] + b * facing[j] + c * facing[k]
            nx = a * normals[i, 0] + b * normals[j, 0] + c * normals[k, 0]
            ny = a * normals[i, 1] + b * normals[j, 1] + c * normals[k, 1]
            nz = a * normals[i, 2] + b * normals[j, 2] + c * normals[k, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length > 0.0:
                pixel_normals[y, x, 0] = nx / length
                pixel_normals[y, x, 1] = ny / length
                pixel_normals[y, x, 2] = nz / length
    return pixel_normals, pixel_facing
