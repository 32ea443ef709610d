"""The face crop: the framing of the published system (INTEROP.md), as a virtual camera of 512 x 512 pixels.

The published crop of 500 pixels lies at (6, 6) in ours, so that our pixels are those of its bump maps.
"""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import CROP_SIZE, Crop, Face, Frame

#: Left, top, right and bottom of the crop, from the centre of the 68 points' box, in halves of its longer side.
_LEFT, _TOP, _RIGHT, _BOTTOM = 1.9255, 2.2591, 1.9423, 1.6087
#: Side of the published crop, pixels, and its rows or columns in ours.
PUBLISHED_SIZE = 500
_MARGIN = (CROP_SIZE - PUBLISHED_SIZE) // 2
PUBLISHED = slice(_MARGIN, _MARGIN + PUBLISHED_SIZE)


class FaceCrop:
    """Cuts a face out of a frame."""

    def __init__(self, model: FaceModel):
        points68 = model.landmarks68.on(model.faces, model.mean)
        points468 = model.landmarks468.on(model.faces, model.mean)
        distance = np.linalg.norm(points68[:, None] - points468[None], axis=2)
        self._like68 = distance.argmin(1)  # MediaPipe's points that stand in for the 68

    def __call__(self, frame: Frame, face: Face) -> Crop:
        crop_to_image = framing(face.points[self._like68])
        image = resample(frame.image, crop_to_image, CROP_SIZE)
        return Crop(image, frame.camera.crop(crop_to_image, CROP_SIZE, CROP_SIZE), crop_to_image)


def framing(points68: np.ndarray) -> np.ndarray:
    """Crop pixels to image pixels, (3, 3), for the 68 landmarks (68, 2) in image pixels."""
    low, high = points68.min(0), points68.max(0)
    half = max(float((high - low).max()) / 2, 1.0)
    centre = (low + high) / 2
    scale = (_LEFT + _RIGHT) * half / PUBLISHED_SIZE
    corner = centre - np.array([_LEFT, _TOP]) * half
    shift = corner + (0.5 - _MARGIN) * scale - 0.5
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]], [0.0, 0.0, 1.0]])


def resample(image: np.ndarray, crop_to_image: np.ndarray, size: int) -> np.ndarray:
    """The image (H, W, C) seen through a crop, size x size; black outside; averaged where the crop is coarser."""
    reduction = int(crop_to_image[0, 0])
    if reduction >= 2:
        image, crop_to_image = _reduce(image, crop_to_image, size, reduction)
    return cv2.warpAffine(image, crop_to_image[:2], (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _reduce(image, crop_to_image, size, n):
    """The part of the image under the crop, shrunk n times by averaging, and the crop's map to it."""
    low = np.floor(crop_to_image[:2, 2]).astype(int) - n
    high = np.ceil(crop_to_image[:2, 2] + crop_to_image[0, 0] * size).astype(int) + n
    x0, y0 = np.clip(low, 0, [image.shape[1] - 1, image.shape[0] - 1])
    x1, y1 = np.clip(high, [x0 + 1, y0 + 1], [image.shape[1], image.shape[0]])
    part = image[y0:y1, x0:x1]
    width, height = max((x1 - x0) // n, 1), max((y1 - y0) // n, 1)
    part = part[: height * n, : width * n]
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    step = np.array([part.shape[1] / width, part.shape[0] / height])
    to_small = np.diag([1 / step[0], 1 / step[1], 1.0])
    to_small[:2, 2] = (0.5 - np.array([x0, y0])) / step - 0.5
    return small, to_small @ crop_to_image
