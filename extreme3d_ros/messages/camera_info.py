"""CameraInfo <-> Camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError

#: Distortion models: the numbers of coefficients that each may have.
_MODELS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}


@dataclass(frozen=True)
class Calibration:
    """A camera as it is: its intrinsics and its lens.

    distortion: (N,) coefficients in the order of `model`, plumb_bob, rational_polynomial or equidistant (fisheye);
    empty where the lens has none.
    """

    camera: Camera
    distortion: np.ndarray
    model: str = "plumb_bob"


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
    except ValueError as error:
        raise InputError(f"camera_info is wrong: {error}; calibrate the camera") from error
    if width and height and not camera.likely:
        raise InputError(f"camera_info is wrong: no lens shows {width} x {height} pixels by {_told(K)}, K is in pixels")
    return Calibration(camera, _distortion(message), message.distortion_model)


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


def _distortion(message: CameraInfo) -> np.ndarray:
    coefficients = np.array(message.d, float)
    if not coefficients.any():
        return np.zeros(0)
    if not np.isfinite(coefficients).all():
        raise InputError("camera_info has coefficients of distortion that are not finite; calibrate the camera")
    if len(coefficients) not in _MODELS.get(message.distortion_model, ()):
        known = ", ".join(f"{name} of {' or '.join(map(str, sizes))}" for name, sizes in _MODELS.items())
        raise InputError(
            f"camera_info has {len(coefficients)} coefficients of distortion model {message.distortion_model[:40]!r}; "
            f"known are {known}"
        )
    return coefficients


def _told(K: np.ndarray) -> str:
    return f"fx {K[0, 0]:g}, fy {K[1, 1]:g}, cx {K[0, 2]:g}, cy {K[1, 2]:g}"
