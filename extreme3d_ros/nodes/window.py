"""The fast path on a part of the image: where others say that a face is, the rest need not be searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.messages.humans import Roi
from extreme3d_ros.records import Face, Frame, Observation

#: Side of the part, in the region's longer side: holds the face's crop (stages/crop.py), and a face that moved on.
_ROOM = 2.5
#: Pixels that a region's shorter side must have; the mesh network sees nothing in fewer.
_LEAST = 8


def observe_region(
    fast_path: Callable[..., list[Observation]], frame: Frame, roi: Roi, hint: Face | None
) -> list[Observation]:
    """What the fast path sees of the face in a region: one observation or none; all in the whole frame's pixels.

    A face whose centre lies outside the region is another's.
    """
    low, high = roi.scaled(frame.camera.width, frame.camera.height)
    if (high - low).min() < _LEAST:
        return []
    part, offset = window(frame, (low + high) / 2, _ROOM * float((high - low).max()))
    seen = fast_path(part, 1, moved(hint, -offset) if hint else None)
    whole = [in_frame(observation, offset) for observation in seen]
    return [observation for observation in whole if _inside(observation.face, low, high)]


def window(frame: Frame, centre: np.ndarray, side: float) -> tuple[Frame, np.ndarray]:
    """The part of a frame that a square covers, as a frame whose camera stands where the whole one's does; and the
    part's first pixel (2,) x, y."""
    camera = frame.camera
    size = [camera.width, camera.height]
    low = np.clip(np.floor(centre - side / 2), 0, np.subtract(size, 1)).astype(int)
    high = np.clip(np.ceil(centre + side / 2), low + 1, size).astype(int)
    K = camera.K.copy()
    K[:2, 2] -= low
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    return Frame(np.ascontiguousarray(frame.image[y0:y1, x0:x1]), Camera(K, x1 - x0, y1 - y0)), low


def moved(face: Face, offset: np.ndarray) -> Face:
    """A face with `offset` (2,) pixels added."""
    x, y, w, h = face.bbox
    return replace(face, bbox=(x + float(offset[0]), y + float(offset[1]), w, h), points=face.points + offset)


def in_frame(seen: Observation, offset: np.ndarray) -> Observation:
    """An observation made in a window, in the pixels of the whole frame; what is in metres stays."""
    shift = np.eye(3)
    shift[:2, 2] = offset
    crop = replace(seen.crop, crop_to_image=shift @ seen.crop.crop_to_image)
    return replace(seen, face=moved(seen.face, offset), crop=crop)


def _inside(face: Face, low: np.ndarray, high: np.ndarray) -> bool:
    x, y, w, h = face.bbox
    centre = np.array([x + w / 2, y + h / 2])
    return bool((centre > low).all() and (centre < high).all())
