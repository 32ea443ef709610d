"""The raster stage: what each pixel of the crop sees of the foundation.

Its triangle and barycentric coordinates are the dense-from-sparse registration of Eqs. 6 to 8.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.normals import normalized, vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import Crop, Foundation, Surface


class SurfaceRaster:
    """Rasterises the foundation on the crop."""

    def __init__(self, model: FaceModel):
        self._faces = model.faces

    def __call__(self, foundation: Foundation, crop: Crop) -> Surface:
        vertices = foundation.vertices
        normals = vertex_normals(vertices, self._faces)
        raster = rasterize(vertices, self._faces, crop.camera)
        facing = -np.einsum("vi,vi->v", normals, vertices) / np.sqrt(np.einsum("vi,vi->v", vertices, vertices))
        return Surface(
            raster,
            normalized(raster.interpolate(self._faces, normals)),
            raster.interpolate(self._faces, facing[:, None])[..., 0],
        )
