"""Calibrations as files, and frames of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError, reason
from extreme3d_ros.records import Frame
from extreme3d_ros.untrusted.yaml_file import read_yaml

_SIZE, _LARGEST = ("image_width", "image_height"), 1 << 15
#: All that content may raise which is none.
_SENSELESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def read_camera(path: str | Path) -> Calibration:
    """A calibration in the format of ROS camera_calibration.

    Raises InputError where the file cannot be read or makes no sense.
    """
    try:
        content = read_yaml(path)
        K, size = _numbers(content["camera_matrix"]).reshape(3, 3), [int(content[name]) for name in _SIZE]
        if not 1 <= min(size) <= max(size) <= _LARGEST:
            raise ValueError(f"{' and '.join(_SIZE)} must be 1 to {_LARGEST}")
        distortion = _numbers(content.get("distortion_coefficients") or {"data": []})
        return Calibration(Camera(K, *size), distortion, content.get("distortion_model", "plumb_bob"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give a camera_calibration YAML file") from error
    except _SENSELESS as error:
        raise InputError(
            f"{path} is no calibration in the format of ROS camera_calibration ({reason(error)})"
        ) from error


def _numbers(matrix: dict) -> np.ndarray:
    """The data of a matrix (N,), float64. YAML takes 1e-5 for a text."""
    return np.array([float(value) for value in matrix["data"]])


def frame_of(image: np.ndarray, calibration: Calibration | None = None) -> Frame:
    """A frame of the image; with a calibration, freed of its distortion."""
    height, width = image.shape[:2]
    if calibration is None:
        return Frame(image, Camera.assumed(width, height))
    camera = calibration.camera
    if (camera.width, camera.height) != (width, height):
        raise InputError(
            f"the calibration is for {camera.width} x {camera.height} pixels, the image has {width} x {height}: "
            "calibrate at this size"
        )
    return Frame(calibration.undistorted(image), camera)
