"""From images to frames: the camera's calibration applied."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.errors import InputError
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.records import Frame

_ASSUMED = "focal length assumed, distances are rough"


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
        try:
            frame = frame_of(image, calibration)
            self.state = "calibrated by camera_info" if calibration else f"no calibration: {_ASSUMED}"
            return frame
        except InputError as error:
            self.state = f"camera_info is not used, {_ASSUMED}: {error}"
            return frame_of(image)
