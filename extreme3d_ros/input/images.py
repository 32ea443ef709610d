"""Images as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.image_size import MOST_PIXELS, claimed_size, is_cut_off

#: No face that small images could show is of use.
SMALLEST_SIDE = 32

_JPEG = b"\xff\xd8"
#: Files whose heads are looked at.
_CLAIMING = (_JPEG, b"\x89PNG")
#: JPEG 2000: of broken ones OpenCV dies.
_FATAL = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")


def read_image(path: str | Path) -> np.ndarray:
    """An image file as (H, W, 3) uint8 BGR: grey is repeated, transparent parts are laid on black, 16 bits become 8.

    Raises InputError where it is not there, not an image, or too small to show a face.
    """
    path = Path(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give the path of an image file") from error
    image = _decoded(data) if _sound(data.tobytes()) else None
    if image is None:
        most = f"an image that OpenCV knows, whole, of at most {MOST_PIXELS / 1e6:.0f} million pixels"
        raise InputError(f"cannot read {path}: it is not {most}; convert it to PNG or JPEG")
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(f"{path} is {width} x {height} pixels: too small, at least {SMALLEST_SIDE} a side are needed")
    return image


def files_of(folder: str | Path) -> list[Path]:
    """All of a folder's files that are not hidden, by name. Raises InputError where there are none."""
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}; give a folder of images") from error
    if not files:
        raise InputError(f"the folder {folder} has no files; put images there")
    return files


def _sound(data: bytes) -> bool:
    """Whether the file can be left to OpenCV, which takes gigabytes where that is claimed."""
    if not data.startswith(_CLAIMING):
        return not data.startswith(_FATAL)
    width, height = claimed_size(data) or (0, 0)
    return 0 < width * height <= MOST_PIXELS and not is_cut_off(data)


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


def demo_image() -> np.ndarray:
    """scikit-image's astronaut (a NASA photograph in the public domain), (512, 512, 3) uint8 BGR."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError("the astronaut needs scikit-image: pip install scikit-image, or name an image") from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1])
