"""Hole filling (Sec. 4.2): detail for the parts of the visible side that an object hides.

The face itself is the first example to borrow from: what is hidden on one side and seen on the other is taken from
there; what is hidden on both stays as smooth as the foundation.
"""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.records import HIDDEN, VISIBLE, Crop, Foundation, Layers, Surface

#: Width of the blend at the seam, in pixels.
_FEATHER = 6.0


class MirrorFilling:
    """Fills the bump map's holes from the mirrored half of the face."""

    def __init__(self, model: FaceModel):
        self._twins = model.mirror[model.faces]  # corner by corner, so barycentric coordinates carry over

    def __call__(self, crop: Crop, foundation: Foundation, layers: Layers, surface: Surface) -> np.ndarray:
        """The filled bump map (512, 512) float32 metres; outside the holes and their seam it is unchanged."""
        hole = layers.occlusion == HIDDEN
        if not hole.any():
            return layers.bump
        pixels = crop.camera.project(foundation.vertices)
        triangle, weights = surface.raster.triangle[hole], surface.raster.barycentric[hole]
        twin = np.einsum("nc,ncd->nd", weights, pixels[self._twins[triangle]])
        seen = (layers.occlusion == VISIBLE).astype(np.float32)
        donor = np.dstack([layers.bump * seen, _feather(seen)])
        borrowed = bilinear(donor, twin)
        inward = _feather(hole.astype(np.float32))[hole]
        filled = layers.bump.copy()
        share = inward * borrowed[:, 1]
        filled[hole] = (1 - inward) * layers.bump[hole] + share * borrowed[:, 0]
        return filled


def _feather(mask: np.ndarray) -> np.ndarray:
    """0 outside a mask, rising to 1 inside it over the width of the blend."""
    return np.clip(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) / _FEATHER, 0, 1).astype(np.float32)
