"""Pinhole cameras in the REP-103 optical frame: x right, y down, z forward; metres and pixels.

A pixel's centre has integer coordinates. A crop of an image is a camera of its own (a "virtual camera"): same centre of
projection, same axes, other intrinsics; so 3D points need no change between image and crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Focal length over the image's longer side when the camera is not calibrated (CONTRACT.md).
ASSUMED_FOCAL = 1.2

#: No lens sees a pixel farther from its axis (a tangent, 84 degrees), shows so little (a share of the distance, half a
#: degree) or has pixels so far from square, by length or skew.
_WIDEST, _NARROWEST, _OBLONG = 10.0, 0.01, 4.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    K: (3, 3) intrinsics in pixels; width, height: image size in pixels.
    """

    K: np.ndarray
    width: int
    height: int

    def __post_init__(self):
        K = np.asarray(self.K, dtype=np.float64)
        if K.shape != (3, 3) or not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise ValueError(f"camera matrix must be 3 x 3 and finite with positive focal lengths, got {K.tolist()}")
        if not np.allclose(K[2], [0, 0, 1]):
            raise ValueError(f"camera matrix must end with 0 0 1, got {K.tolist()}")
        object.__setattr__(self, "K", K)

    @classmethod
    def assumed(cls, width: int, height: int) -> Camera:
        """The camera taken where no calibration is given: f = 1.2 x the longer side, centre in the middle."""
        f = ASSUMED_FOCAL * max(width, height)
        return cls(np.array([[f, 0.0, (width - 1) / 2], [0.0, f, (height - 1) / 2], [0.0, 0.0, 1.0]]), width, height)

    @property
    def likely(self) -> bool:
        """Whether there is a lens that shows an image of this size so: tells millimetres given for pixels, or the
        calibration of another camera. A window of a sensor has the angles that it had."""
        fx, fy = self.K[0, 0], self.K[1, 1]
        if max(fx / fy, fy / fx, abs(self.K[0, 1]) / fx) > _OBLONG or self.K[1, 0]:
            return False
        rays = (np.array([[0, 0], [self.width, self.height]]) - 0.5 - self.K[:2, 2]) / [fx, fy]
        return bool(np.abs(rays).max() <= _WIDEST and (rays[1] - rays[0]).max() >= _NARROWEST)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in metres to pixels (..., 2)."""
        homogeneous = points @ self.K.T.astype(points.dtype)
        return homogeneous[..., :2] / homogeneous[..., 2:]

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Viewing rays (..., 3) through pixels (..., 2), scaled to z = 1, so that depth x ray is the point."""
        pixels = np.asarray(pixels)
        homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
        return homogeneous @ np.linalg.inv(self.K).T.astype(homogeneous.dtype)

    def crop(self, crop_to_image: np.ndarray, width: int, height: int) -> Camera:
        """The virtual camera of a crop.

        crop_to_image: (3, 3) homogeneous map from crop pixels to this camera's pixels (scale and shift).
        """
        return Camera(np.linalg.inv(crop_to_image) @ self.K, width, height)
