"""What a face looks like: its colours at the mesh points, seen from here and from there.

Exposure and white balance are taken out, and half of the points may be hidden or in another light: the colours are
logarithms less their medians over the face, and two looks differ by what the more alike half of their points do. The
memory is one mean for each direction from which the head was seen, for light and shade go with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.stages.detection.mesh import around
from extreme3d_ros.stages.detection.region import Pyramid

#: Side of the patch that the colours are read from, and its blur: coarser than a face's points scatter.
_SIDE, _BLUR = 64, 1.0
#: The part of the points by which two looks are told apart: the others may be covered or turned away.
_TOLD_BY = 0.4
#: Keeps the noise of dark pixels out of the logarithms, grey levels.
_DARK = 16.0
#: Heads whose turns differ by less were seen from one direction.
_DIRECTION = 0.35
#: In a profile the edges meet: no turn is reckoned as greater.
_MOST = 3.0
#: The newest look's part in a mean, once there are enough.
_NEWEST = 0.1
#: The nose's tip, and the edges of the face right and left of it.
_NOSE, _RIGHT, _LEFT = 1, 234, 454


@dataclass(frozen=True)
class Look:
    """colours: (468, 3) logarithms, their medians 0; turn: where the nose lies between the face's edges, which are -1
    and 1; beyond them for a head that is turned by more than 30 degrees."""

    colours: np.ndarray
    turn: float

    def unlike(self, other: Look) -> float:
        """0 for equal colours, 0.05 for one rendered head, 0.14 for two; photographs differ more. Shade moves as a head
        turns, so between different directions the same difference tells less."""
        apart = np.quantile(np.linalg.norm(_centred(self.colours - other.colours), axis=1), _TOLD_BY)
        return float(apart / (1 + abs(self.turn - other.turn)))


def look_at(image: Pyramid, points: np.ndarray) -> Look:
    """The look of the face with these points (468, 2), in a BGR image."""
    region = around(points + 0.5)
    patch = cv2.GaussianBlur(image.patch(region, _SIDE), (0, 0), _BLUR).astype(np.float32)
    to_patch = cv2.invertAffineTransform(region.to_image(_SIDE))
    x, y = ((points + 0.5) @ to_patch[:, :2].T + to_patch[:, 2] - 0.5).astype(np.float32).T
    colours = cv2.remap(patch, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    return Look(_centred(np.log(colours + _DARK)), _turn(points))


class Memory:
    """One person's looks."""

    def __init__(self, look: Look):
        self._means: dict[int, Look] = {}
        self._counts: dict[int, int] = {}
        self.add(look)

    def unlike(self, look: Look) -> float:
        """How unlike the person a look is: the one remembered from the nearest direction is compared."""
        nearest = min(self._means.values(), key=lambda mean: abs(mean.turn - look.turn))
        return nearest.unlike(look)

    def add(self, look: Look) -> None:
        """Another look of the person."""
        direction = round(look.turn / _DIRECTION)
        count = self._counts[direction] = self._counts.get(direction, 0) + 1
        mean = self._means.get(direction, look)
        part = max(1 / count, _NEWEST)
        colours, turn = mean.colours + part * (look.colours - mean.colours), mean.turn + part * (look.turn - mean.turn)
        self._means[direction] = Look(colours, turn)


def _centred(colours: np.ndarray) -> np.ndarray:
    return colours - np.median(colours, axis=0)


def _turn(points: np.ndarray) -> float:
    across = points[_LEFT] - points[_RIGHT]
    place = (points[_NOSE] - points[_RIGHT]) @ across / max(across @ across, 1e-9)
    return float(np.clip(2 * place - 1, -_MOST, _MOST))
