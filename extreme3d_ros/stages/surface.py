"""The raster stage: what each pixel of the crop sees of the foundation.

Its triangle and barycentric coordinates are the dense-from-sparse registration of Eqs. 6 to 8.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.normals import vertex_normals
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
        to_camera = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
        cosine = np.sum(normals * to_camera, axis=1, keepdims=True)
        image = raster.interpolate(self._faces, np.concatenate([normals, cosine], axis=1))
        x, y, z, facing = np.moveaxis(image, 2, 0)
        length = np.sqrt(x * x + y * y + z * z)
        return Surface(raster, image[..., :3] / np.maximum(length, 1e-6)[..., None], facing)
