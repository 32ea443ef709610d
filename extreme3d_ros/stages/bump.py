"""The bump map (Sec. 4.1): mid-level detail of the face, as depth along the viewing rays, layered on the foundation.

`ShapeFromShading` is the teacher the paper trains its network with (after Or-El et al., "RGBD-fusion", CVPR 2015): the
light is fitted to the foundation's normals and the crop's intensities, what brightness it leaves unexplained is read
as slope, and one sparse linear solve turns slopes into depth.
"""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.geometry import screened
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.records import VISIBLE, Crop, Surface
from extreme3d_ros.stages import lighting
from extreme3d_ros.stages.occlusion import linear_light

#: The published 8-bit encoding theta of Eq. 3 (INTEROP.md): metres a grey level, and the level of zero.
METRES_PER_LEVEL = 1.25e-3 / 12
ZERO_LEVEL = 127.0

#: Prior standard deviations: relative brightness that shading can't explain, slope of details, height of details.
_SHADING_NOISE = 0.06
_SLOPE = 0.25
_HEIGHT = 1.5e-3
#: Brightness that varies more slowly than this over the crop (sigma, pixels) is light and skin tone, not detail.
_TONE_SIGMA = 14.0
#: What a channel counts in brightness.
_GREY = np.full(3, 1 / 3, np.float32)
#: Near the skin's end, in pixels, nothing is as high as elsewhere.
_EDGE = 3.0
#: Change of log chromaticity (from the surroundings) that marks a change of paint rather than of shape.
_PAINT = 0.15


def encode(bump: np.ndarray) -> np.ndarray:
    """theta of Eq. 3: metres (H, W), positive towards the camera, to 8 bits; what does not fit is clipped."""
    return np.clip(np.rint(bump / METRES_PER_LEVEL + ZERO_LEVEL), 0, 255).astype(np.uint8)


class ShapeFromShading:
    """Estimates the bump map from the shading of the visible skin."""

    def __init__(self, step: int = 1):
        """step: pixels of the crop to one of the solve; 2 takes a third of the time and leaves out the finest."""
        self._step = step

    def __call__(self, crop: Crop, surface: Surface, occlusion: np.ndarray) -> np.ndarray:
        """bump (512, 512) float32 metres, positive towards the camera; 0 off the face, fading to 0 where it is hidden.

        occlusion: (512, 512) labels of the pixels.
        """
        skin = occlusion == VISIBLE
        if np.count_nonzero(skin) < 100:
            return np.zeros(skin.shape, np.float32)
        rows, columns = surface.box
        coarse = np.s_[rows.start : rows.stop : self._step, columns.start : columns.stop : self._step]
        size = skin[coarse].shape[::-1]
        image = crop.image[rows, columns]
        made = self._refine(
            linear_light(cv2.resize(image, size, interpolation=cv2.INTER_AREA) if self._step > 1 else image),
            surface.normals[coarse],
            surface.facing[coarse],
            surface.raster.depth[coarse] * (self._step / crop.camera.K[0, 0]),
            skin[coarse],
            surface.raster.covered[coarse],
        )
        bump = np.zeros(skin.shape, np.float32)
        bump[rows, columns] = cv2.resize(made, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return bump

    def _refine(self, linear, normals, facing, pixel_size, skin, covered):
        smooth = cv2.GaussianBlur(linear, (0, 0), 0.6)
        brightness = smooth @ _GREY
        light = lighting.of_skin(normals, brightness, skin)
        shading = lighting.shade(normals, light)
        shading = np.maximum(shading, 0.15 * np.median(shading[skin]))
        # Albedo: what is left of brightness over shading once it is smoothed; the rest is detail.
        ratio = brightness / shading
        unexplained = ratio / np.maximum(smooth_over(ratio, skin, _TONE_SIGMA / self._step), 1e-4) - 1
        # Forward differences lie half a pixel to the right and below.
        unexplained = cv2.blur(unexplained, (2, 2), anchor=(0, 0))
        slope_x, slope_y = _shading_by_slope(normals, light, shading)
        size = np.where(covered, pixel_size, 1.0)
        weight = skin * _paint_weight(smooth, skin, _TONE_SIGMA / self._step) * np.clip((facing - 0.1) / 0.3, 0, 1)
        weight = weight / (1 + (unexplained / 0.3) ** 2)  # highlights, moles and hairs are no gentle slopes
        weight = weight * np.clip(shading / np.median(shading[skin]), 0, 1) ** 2  # noise weighs more in the dark
        edge = cv2.distanceTransform(skin.astype(np.uint8), cv2.DIST_L2, 3)
        height = np.where(skin, 1 + 20 * np.exp(-edge * (self._step / _EDGE)), 30.0) / _HEIGHT**2
        pixel = float(np.median(size[skin]))
        return pixel * screened.solve(
            slope_x * pixel / size,
            slope_y * pixel / size,
            unexplained,
            weight / _SHADING_NOISE**2,
            1 / _SLOPE**2,
            height * pixel**2,
            covered,
        )


def _shading_by_slope(normals, light, shading):
    """Relative change of shading by the bump's slopes along x and y, (H, W) each.

    The normal of z(X, Y) is (z_X, z_Y, -1) / L; a bump towards the camera lessens z, and moves the normal within its
    tangent plane by -(1/L) of its slopes, where 1/L = -n_z.
    """
    g = lighting.gradient(normals, light)
    along, factor = np.einsum("hwc,hwc->hw", g, normals), normals[..., 2] / shading
    return tuple((g[..., axis] - along * normals[..., axis]) * factor for axis in (0, 1))


def _paint_weight(linear, skin, sigma):
    """(H, W) 0..1: low where the chromaticity differs from its surroundings. Shading scales all channels alike."""
    log = np.log(linear + 0.004)
    chroma = np.stack([log[..., 2] - log[..., 1], log[..., 0] - log[..., 1]], axis=-1)
    off = chroma - smooth_over(chroma, skin, sigma)
    return np.exp(np.einsum("hwc,hwc->hw", off, off) / (-2 * _PAINT**2))
