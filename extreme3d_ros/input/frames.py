"""Calibrations as files, and frames of images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError
from extreme3d_ros.records import Frame

#: Distortion models that `cv2.undistort` takes: the numbers of coefficients that each may have.
_MODELS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14)}
#: Bytes of a calibration file that are read: they have a thousand, but a wrong path may lead to anything.
_LONGEST = 100_000


def read_camera(path: str | Path) -> tuple[Camera, np.ndarray]:
    """A calibration in the format of ROS camera_calibration: the camera and its distortion coefficients.

    Raises InputError where the file cannot be read or makes no sense.
    """
    try:
        with open(path, "rb") as file:
            content = yaml.safe_load(file.read(_LONGEST))
        K = _numbers(content["camera_matrix"]).reshape(3, 3)
        camera = Camera(K, int(content["image_width"]), int(content["image_height"]))
        return camera, _distortion(content)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give a camera_calibration YAML file") from error
    except _SENSELESS as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(f"{path} is no calibration in the format of ROS camera_calibration ({reason})") from error


_SENSELESS = (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def _distortion(content: dict) -> np.ndarray:
    coefficients = _numbers(content.get("distortion_coefficients") or {"data": []})
    model = content.get("distortion_model", "plumb_bob")
    if not coefficients.any():
        return np.zeros(0)
    if len(coefficients) not in _MODELS.get(model, ()) or not np.isfinite(coefficients).all():
        known = ", ".join(f"{name} of {' or '.join(map(str, sizes))}" for name, sizes in _MODELS.items())
        given = f"{coefficients.tolist()} of distortion model {model!r}"
        raise ValueError(f"coefficients {given}; known are {known}")
    return coefficients


def _numbers(matrix: dict) -> np.ndarray:
    """The data of a matrix (N,), float64. YAML takes 1e-5 for a text."""
    return np.array([float(value) for value in matrix["data"]])


def frame_of(image: np.ndarray, calibration: tuple[Camera, np.ndarray] | None = None) -> Frame:
    """A frame of the image; with a calibration, freed of its distortion."""
    height, width = image.shape[:2]
    if calibration is None:
        return Frame(image, Camera.assumed(width, height))
    camera, distortion = calibration
    if (camera.width, camera.height) != (width, height):
        raise InputError(
            f"the calibration is for {camera.width} x {camera.height} pixels, the image has {width} x {height}: "
            "calibrate at this size"
        )
    if np.any(distortion):
        image = cv2.undistort(image, camera.K, distortion)
    return Frame(image, camera)
