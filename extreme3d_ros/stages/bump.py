"""The bump map (Sec. 4.1): mid-level detail of the face, as depth along the viewing rays, layered on the foundation.

`ShapeFromShading` is the teacher the paper trains its network with (after Or-El et al., "RGBD-fusion", CVPR 2015): the
light is fitted to the foundation's normals and the crop's intensities, what brightness it leaves unexplained is read
as slope, and one sparse linear solve turns slopes into depth.
"""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.geometry import screened
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
#: Change of log chromaticity (from the surroundings) that marks a change of paint rather than of shape.
_PAINT = 0.15


def encode(bump: np.ndarray) -> np.ndarray:
    """theta of Eq. 3: metres (H, W), positive towards the camera, to 8 bits; what does not fit is clipped."""
    return np.clip(np.rint(bump / METRES_PER_LEVEL + ZERO_LEVEL), 0, 255).astype(np.uint8)


def decode(encoded: np.ndarray) -> np.ndarray:
    """The inverse of theta (Eq. 4): 8 bits (H, W) to metres, float32."""
    return ((encoded.astype(np.float32) - ZERO_LEVEL) * METRES_PER_LEVEL).astype(np.float32)


class ShapeFromShading:
    """Estimates the bump map from the shading of the visible skin."""

    def __call__(self, crop: Crop, surface: Surface, occlusion: np.ndarray) -> np.ndarray:
        """bump (512, 512) float32 metres, positive towards the camera; 0 off the face, fading to 0 where it is hidden.

        occlusion: (512, 512) labels of the pixels.
        """
        skin = occlusion == VISIBLE
        if np.count_nonzero(skin) < 100:
            return np.zeros(skin.shape, np.float32)
        part = surface.box
        bump = np.zeros(skin.shape, np.float32)
        bump[part] = self._refine(
            linear_light(crop.image[part]),
            surface.normals[part],
            surface.facing[part],
            surface.raster.depth[part] / crop.camera.K[0, 0],
            skin[part],
            surface.raster.covered[part],
        )
        return bump

    def _refine(self, linear, normals, facing, pixel_size, skin, covered):
        smooth = cv2.GaussianBlur(linear, (0, 0), 0.6)
        brightness = smooth.mean(2)
        some = np.flatnonzero(skin)[:: max(np.count_nonzero(skin) // 2000, 1)]
        light = lighting.estimate(normals.reshape(-1, 3)[some], brightness.ravel()[some], np.ones(len(some)))
        shading = lighting.shade(normals, light)
        shading = np.maximum(shading, 0.15 * np.median(shading[skin]))
        # Albedo: what is left of brightness over shading once it is smoothed; the rest is detail.
        ratio = brightness / shading
        unexplained = ratio / np.maximum(_smooth_over(ratio, skin, _TONE_SIGMA), 1e-4) - 1
        # Forward differences lie half a pixel to the right and below.
        unexplained = cv2.blur(unexplained, (2, 2), anchor=(0, 0))
        slope_x, slope_y = _shading_by_slope(normals, light, shading)
        size = np.where(covered, pixel_size, 1.0)
        weight = skin * _paint_weight(smooth, skin) * np.clip((facing - 0.1) / 0.3, 0, 1)
        weight = weight / (1 + (unexplained / 0.3) ** 2)  # highlights, moles and hairs are no gentle slopes
        weight = weight * np.clip(shading / np.median(shading[skin]), 0, 1) ** 2  # noise weighs more in the dark
        edge = cv2.distanceTransform(skin.astype(np.uint8), cv2.DIST_L2, 3)
        height = np.where(skin, 1 + 20 * np.exp(-edge / 3.0), 30.0) / _HEIGHT**2
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
    tangent = g - np.sum(g * normals, axis=2, keepdims=True) * normals
    factor = normals[..., 2] / shading
    return tangent[..., 0] * factor, tangent[..., 1] * factor


def _paint_weight(linear, skin):
    """(H, W) 0..1: low where the chromaticity differs from its surroundings. Shading scales all channels alike."""
    log = np.log(linear + 0.004)
    chroma = np.stack([log[..., 2] - log[..., 1], log[..., 0] - log[..., 1]], axis=-1)
    off = chroma - _smooth_over(chroma, skin, _TONE_SIGMA)
    return np.exp(-np.sum(off * off, axis=2) / (2 * _PAINT**2))


def _smooth_over(image, mask, sigma):
    """Gaussian mean of an image (H, W[, C]) over a mask's pixels; made at a quarter of the size, as it is smooth."""
    weight = mask.astype(np.float32)
    masked = image * (weight if image.ndim == 2 else weight[..., None])
    stacked = np.dstack([masked, weight]).astype(np.float32)
    height, width = weight.shape
    small = cv2.resize(stacked, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    mean = small[..., :-1] / (small[..., -1:] + 1e-4)
    return cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)
