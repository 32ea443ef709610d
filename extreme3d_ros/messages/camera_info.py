"""CameraInfo <-> Camera."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError


def camera_info_to_calibration(message: CameraInfo) -> Calibration | None:
    """The calibration of the images that a message goes with; None where it says "uncalibrated" (K all zero).

    Binning and region of interest are taken into account. Raises InputError where the message makes no sense.
    """
    K = np.array(message.k, float).reshape(3, 3)
    if not K.any():
        return None
    binning = max(message.binning_x, 1), max(message.binning_y, 1)
    roi = message.roi
    width, height = (roi.width or message.width) // binning[0], (roi.height or message.height) // binning[1]
    try:
        camera = Camera(_windowed(K, (roi.x_offset, roi.y_offset), binning), width, height)
        return Calibration(camera, np.array(message.d, float), message.distortion_model)
    except ValueError as error:
        raise InputError(f"camera_info is wrong: {error}; calibrate the camera") from error


def camera_to_camera_info(camera: Camera, header: Header) -> CameraInfo:
    """A camera without distortion as CameraInfo."""
    message = CameraInfo(header=header, width=camera.width, height=camera.height, distortion_model="plumb_bob")
    message.d = [0.0] * 5
    message.k = camera.K.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.hstack([camera.K, np.zeros((3, 1))]).ravel()
    return message


def _windowed(K: np.ndarray, offset: tuple[int, int], binning: tuple[int, int]) -> np.ndarray:
    """Intrinsics of the full sensor as those of a binned window; a pixel's centre has integer coordinates."""
    K = K.copy()
    for row in (0, 1):
        K[row, 2] = (K[row, 2] - offset[row] + 0.5) / binning[row] - 0.5
        K[row, :2] /= binning[row]
    return K
