"""Faces that others track, by the conventions of ROS4HRI (REP-155): regions in, the faces to work on out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from extreme3d_ros.errors import InputError

try:
    from hri_msgs.msg import IdsList as IdsList
    from hri_msgs.msg import NormalizedRegionOfInterest2D as RoiMessage
except ImportError:  # a package of its own, by no means everywhere
    IdsList = RoiMessage = None

#: Below it lie the topics of each face, under its id.
FACES = "/humans/faces"

#: Another face is taken up only if it is larger than the one at hand by this factor, in area: two persons at the same
#: distance would else take turns.
_CLEARLY_LARGER = 1.5


@dataclass(frozen=True)
class Roi:
    """A face's box in parts of the image's width and height, 0..1; stamp: its image's, seconds."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    stamp: float = 0.0

    @property
    def area(self) -> float:
        """Part of the image, 0..1."""
        return (self.xmax - self.xmin) * (self.ymax - self.ymin)

    def scaled(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Corners (2,), (2,) in the pixels of an image; the first pixel's centre is 0."""
        size = np.array([width, height])
        return np.array([self.xmin, self.ymin]) * size - 0.5, np.array([self.xmax, self.ymax]) * size - 0.5


def message_to_roi(message: RoiMessage) -> Roi:
    """A message's box, cut to the image. Raises InputError where nothing is left of it."""
    corners = np.array([message.xmin, message.ymin, message.xmax, message.ymax], float)
    xmin, ymin, xmax, ymax = np.clip(corners, 0, 1).tolist()
    if not (xmin < xmax and ymin < ymax):  # NaN too
        raise InputError(f"a face's roi is empty: {corners.tolist()} of xmin, ymin, xmax, ymax in 0..1")
    stamp = message.header.stamp
    return Roi(xmin, ymin, xmax, ymax, stamp.sec + stamp.nanosec * 1e-9)


def check_id(face: str) -> str:
    """A face's id, if it can be part of a topic's name; raises InputError else."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", face):
        raise InputError(
            f"a face is tracked by the id {face!r}, which REP-155 does not allow: a letter, then more or digits"
        )
    return face


def at_work(before: Sequence[str], rois: Mapping[str, Roi], most: int) -> list[str]:
    """The ids of the faces to work on, the chosen one first, `most` at most: the largest, or those of `before` while
    none is clearly larger."""

    def largest_first(faces: Iterable[str], seated: Sequence[str]) -> list[str]:
        weights = {face: rois[face].area * (_CLEARLY_LARGER if face in seated else 1.0) for face in faces}
        return sorted(weights, key=weights.__getitem__, reverse=True)

    chosen = largest_first(rois, before[:1])[:1]
    others = largest_first((face for face in rois if face not in chosen), before)
    return (chosen + others)[:most]
