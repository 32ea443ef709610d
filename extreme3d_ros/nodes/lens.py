"""From images to frames: the camera's calibration applied."""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.messages.camera_info import Calibration
from extreme3d_ros.records import Frame


class Lens:
    """Makes frames by the newest calibration: distortion undone; by the assumed camera where there is none.

    state: what the last frame's camera was taken from, for people to read.
    """

    def __init__(self):
        self.state = "no image yet"
        self._calibration: Calibration | None = None
        self._mapped: tuple[Calibration | None, tuple[np.ndarray, np.ndarray] | None] = (None, None)

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
        maps = self._maps(calibration)
        return Frame(cv2.remap(image, *maps, cv2.INTER_LINEAR) if maps else image, camera)

    def _maps(self, calibration: Calibration) -> tuple[np.ndarray, np.ndarray] | None:
        """OpenCV's maps from the undistorted to the camera's image, made once for each calibration."""
        if self._mapped[0] is not calibration:
            self._mapped = calibration, undistortion(calibration) if calibration.distortion.size else None
        return self._mapped[1]


def undistortion(calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's two maps that undo a lens's distortion and keep its K."""
    camera, D = calibration.camera, calibration.distortion
    size = camera.width, camera.height
    make = cv2.fisheye.initUndistortRectifyMap if calibration.model == "equidistant" else cv2.initUndistortRectifyMap
    return make(camera.K, D, np.eye(3), camera.K, size, cv2.CV_16SC2)
