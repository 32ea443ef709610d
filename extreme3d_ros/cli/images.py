"""Images and calibrations as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError
from extreme3d_ros.records import Frame

#: No face that small images could show is of use.
SMALLEST_SIDE = 32


def read_image(path: str | Path) -> np.ndarray:
    """An image file as (H, W, 3) uint8 BGR: grey is repeated, transparent parts are laid on black, 16 bits become 8.

    Raises InputError where it is not there, not an image, or too small to show a face.
    """
    path = Path(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give the path of an image file") from error
    image = _decoded(data)
    if image is None:
        raise InputError(f"cannot read {path}: not an image that OpenCV knows; convert it to PNG or JPEG")
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(f"{path} is {width} x {height} pixels: too small, at least {SMALLEST_SIDE} a side are needed")
    return image


def _decoded(data: np.ndarray) -> np.ndarray | None:
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None  # turns by EXIF, to 8 bits and 3 channels
        if image is None or data[:2].tobytes() == _JPEG:
            return image
        with_alpha = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if with_alpha.ndim == 3 and with_alpha.shape[2] == 4 and with_alpha.dtype == np.uint8:
        alpha = with_alpha[..., 3:].astype(np.uint16)
        return ((with_alpha[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return image


_JPEG = b"\xff\xd8"


def demo_image() -> np.ndarray:
    """scikit-image's astronaut (a NASA photograph in the public domain), (512, 512, 3) uint8 BGR."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError("the demo's picture needs scikit-image: pip install 'extreme3d_ros[demo]'") from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


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
