"""Cameras as they are: a pinhole camera behind a lens that distorts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from extreme3d_ros.camera import Camera

#: Distortion models of ROS: the numbers of coefficients that each may have.
_MODELS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}


@dataclass(frozen=True)
class Calibration:
    """A camera's intrinsics and its lens.

    distortion: (N,) coefficients in the order of `model`, plumb_bob, rational_polynomial or equidistant (fisheye);
    empty where the lens has none. Raises ValueError where there is no such lens.
    """

    camera: Camera
    distortion: np.ndarray
    model: str = "plumb_bob"

    def __post_init__(self):
        camera, distortion, K = self.camera, np.asarray(self.distortion, np.float64), self.camera.K
        if camera.width and camera.height and not camera.likely:
            told = f"fx {K[0, 0]:g}, fy {K[1, 1]:g}, cx {K[0, 2]:g}, cy {K[1, 2]:g}"
            raise ValueError(f"no lens shows {camera.width} x {camera.height} pixels by {told}, K is in pixels")
        if not np.isfinite(distortion).all():
            raise ValueError("coefficients of distortion are not finite")
        if not distortion.any():
            distortion = np.zeros(0)
        elif len(distortion) not in _MODELS.get(self.model, ()):
            known = ", ".join(f"{name} of {' or '.join(map(str, sizes))}" for name, sizes in _MODELS.items())
            given = f"{len(distortion)} coefficients of distortion model {str(self.model)[:40]!r}"
            raise ValueError(f"{given}; known are {known}")
        object.__setattr__(self, "distortion", distortion)

    def undistorted(self, image: np.ndarray) -> np.ndarray:
        """An image (H, W, 3) of this camera as one without the lens would show it, by the same K."""
        return cv2.remap(image, *self.maps, cv2.INTER_LINEAR) if self.distortion.size else image

    @cached_property
    def maps(self) -> tuple[np.ndarray, np.ndarray]:
        """OpenCV's two maps from the undistorted to the camera's image."""
        make = cv2.fisheye.initUndistortRectifyMap if self.model == "equidistant" else cv2.initUndistortRectifyMap
        K, size = self.camera.K, (self.camera.width, self.camera.height)
        return make(K, self.distortion, np.eye(3), K, size, cv2.CV_16SC2)
