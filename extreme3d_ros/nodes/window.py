"""Detection in a part of the image: where others say that a face is, the rest need not be searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from extreme3d_ros.messages.humans import Roi
from extreme3d_ros.records import Face

#: Side of the part, in the region's longer side: holds a face that moved on.
_ROOM = 2.5
#: Pixels that a region's shorter side must have; the mesh network sees nothing in fewer.
_LEAST = 8


def face_in(detection: Callable[[np.ndarray], list[Face]], image: np.ndarray, roi: Roi) -> Face | None:
    """The face in a region, in the pixels of the whole image (H, W, 3); None where none is found.

    A face whose centre lies outside the region is another's.
    """
    low, high = roi.scaled(image.shape[1], image.shape[0])
    if (high - low).min() < _LEAST:
        return None
    part, offset = window(image, (low + high) / 2, _ROOM * float((high - low).max()))
    faces = (moved(face, offset) for face in detection(part))
    return next((face for face in faces if _inside(face, low, high)), None)


def window(image: np.ndarray, centre: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image (H, W, 3) that a square covers, at least a pixel; and its first pixel (2,) x, y."""
    size = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(centre - side / 2), 0, size - 1).astype(int)
    high = np.clip(np.ceil(centre + side / 2), low + 1, size).astype(int)
    return np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), low


def moved(face: Face, offset: np.ndarray) -> Face:
    """A face with `offset` (2,) pixels added."""
    return replace(face, points=face.points + offset)


def _inside(face: Face, low: np.ndarray, high: np.ndarray) -> bool:
    x, y, w, h = face.bbox
    centre = np.array([x + w / 2, y + h / 2])
    return bool((centre > low).all() and (centre < high).all())
