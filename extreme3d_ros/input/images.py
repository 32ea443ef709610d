"""Images as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.errors import InputError

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
        raise InputError("the astronaut needs scikit-image: pip install scikit-image, or name an image") from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1])
