"""Calibrations as files, and frames of images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError
from extreme3d_ros.records import Frame


def read_camera(path: str | Path) -> tuple[Camera, np.ndarray]:
    """A calibration in the format of ROS camera_calibration: the camera and its distortion coefficients."""
    try:
        content = yaml.safe_load(Path(path).read_text())
        K = np.array(content["camera_matrix"]["data"], float).reshape(3, 3)
        distortion = np.array(content.get("distortion_coefficients", {}).get("data", []), float)
        return Camera(K, int(content["image_width"]), int(content["image_height"])), distortion
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give a camera_calibration YAML file") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no calibration in the format of ROS camera_calibration ({error!r})") from error


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
