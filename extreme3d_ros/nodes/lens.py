"""From images to frames: the camera's calibration applied."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.camera import Camera
from extreme3d_ros.records import Frame


class Lens:
    """Makes frames by the newest calibration: distortion undone; by the assumed camera where there is none.

    state: what the last frame's camera was taken from, for people to read.
    """

    def __init__(self):
        self.state = "no image yet"
        self._calibration: Calibration | None = None

    def learn(self, calibration: Calibration | None) -> None:
        """Takes a new calibration; None: the camera is not calibrated."""
        self._calibration = calibration

    def __call__(self, image: np.ndarray) -> Frame:
        calibration = self._calibration  # another thread may replace it
        height, width = image.shape[:2]
        assumed = "focal length assumed, distances are rough"
        if calibration is None:
            self.state = f"no calibration: {assumed}"
            return Frame(image, Camera.assumed(width, height))
        camera = calibration.camera
        if (camera.width, camera.height) != (width, height):
            size = f"{camera.width} x {camera.height} pixels, the image has {width} x {height}"
            self.state = f"camera_info is for {size}: {assumed}"
            return Frame(image, Camera.assumed(width, height))
        self.state = "calibrated by camera_info"
        return Frame(calibration.undistorted(image), camera)
