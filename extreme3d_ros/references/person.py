"""The live gallery: what was seen of the person before the camera, the best reference there is (Sec. 4.2, extended).

It lives in memory only: nothing is written to disk, and `forget` leaves nothing. Its size is bounded: one skin for each
of 7 x 5 bins of viewpoint, 18 MB in all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.geometry.directions import yaw_and_pitch
from extreme3d_ros.geometry.smoothing import rising

#: Width of a bin of viewpoint, radians, and how many there are to either side of the frontal one: of yaw, of pitch.
_BIN = np.radians(15.0)
_TO_EACH_SIDE = np.array([3, 2])
#: Texels over which a view's weight rises from the end of what it shows.
_FEATHER = 8.0
#: A view that is not the better one must show so many texels of a skin that are new, as a share, to be heard.
_WORTH = 0.005
#: A head is so wide, metres.
_HEAD = 0.18
#: Distances from the camera whose ratio is greater are those of two heads: one picture tells a distance but roughly.
_FARTHER = 1.4


@dataclass(frozen=True)
class _View:
    """skin: (S, S) float32 metres, 0 where unseen; weight: (S, S) float32, 0 where unseen, 1 well inside what is seen;
    direction: (3,) towards the camera, model frame; quality: the share of texels that its best frame shows."""

    skin: np.ndarray
    weight: np.ndarray
    direction: np.ndarray
    quality: float


class Person:
    """The best views of one person, by viewpoint.

    Who it is, is told by place, not by identity: the shapes of one person are more alike than those of two in 87 % of
    the comparisons (benchmarks/identity.py), too few for a question asked in every frame; and heads do not jump.
    """

    def __init__(self):
        self._views: dict[tuple[int, int], _View] = {}
        self._place: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._views)

    def forget(self) -> None:
        """Nothing of the person remains."""
        self._views.clear()
        self._place = None

    def follow(self, place: np.ndarray) -> None:
        """Takes where the head is in the newest frame: (3,) metres, camera frame. Another place is another person, and
        the one before is forgotten."""
        if self._place is not None and _is_elsewhere(self._place, place):
            self.forget()
        self._place = np.array(place, np.float64)

    def add(self, skin: np.ndarray, direction: np.ndarray) -> None:
        """A view: skin (S, S) metres, NaN where unseen; direction (3,) unit, from the head to the camera, model frame.

        Of two views of one bin the one that shows more lies on top, the newer if both show as much; what only the other
        shows stays.
        """
        seen = np.isfinite(skin)
        if not seen.any():
            return
        new = _View(
            np.where(seen, skin, 0).astype(np.float32), rising(seen, _FEATHER), np.array(direction), seen.mean()
        )
        key = _bin_of(direction)
        old = self._views.get(key)
        if old is None:
            self._views[key] = new
        elif new.quality >= old.quality:
            self._views[key] = _over(new, old)
        elif ((new.weight > 0) & (old.weight == 0)).mean() > _WORTH:
            self._views[key] = _over(old, new)

    def skin_for(self, direction: np.ndarray) -> np.ndarray | None:
        """All views in one skin (S, S) float32 metres, NaN where none shows anything; None without a view.

        A view counts the less the farther its viewpoint is from `direction`: to exp(-1/2) at a bin's width.
        """
        if not self._views:
            return None
        views = list(self._views.values())
        angles = np.arccos(np.clip([view.direction @ direction for view in views], -1, 1))
        # From the nearest on, so that what it alone shows does not drown in rounding.
        nearness = np.exp((angles.min() ** 2 - angles**2) / (2 * _BIN**2)).astype(np.float32)
        skin = np.zeros(views[0].skin.shape, np.float32)
        total = np.zeros_like(skin)
        for near, view in zip(nearness, views):
            weight = near * view.weight
            skin += weight * view.skin
            total += weight
        return np.where(total > 0, skin / np.where(total > 0, total, 1), np.nan).astype(np.float32)


def _is_elsewhere(before, now) -> bool:
    """Whether two places (3,) of a head are too far apart to be those of one head in successive frames."""
    near, far = sorted([before[2], now[2]])
    if near <= 0 or far > _FARTHER * near:
        return True
    return bool(near * np.linalg.norm(before[:2] / before[2] - now[:2] / now[2]) > _HEAD)


def _bin_of(direction) -> tuple[int, int]:
    """Yaw and pitch of a viewpoint in bins from the frontal one; the outermost take what lies beyond them."""
    yaw, pitch = np.clip(np.rint(yaw_and_pitch(direction) / _BIN), -_TO_EACH_SIDE, _TO_EACH_SIDE)
    return int(yaw), int(pitch)


def _over(upper: _View, lower: _View) -> _View:
    """The upper view where it shows something, faded into the lower one where that goes on."""
    share = np.where(lower.weight > 0, upper.weight, (upper.weight > 0).astype(np.float32))
    skin = share * upper.skin + (1 - share) * lower.skin
    weight = rising((upper.weight > 0) | (lower.weight > 0), _FEATHER)
    return _View(skin, weight, upper.direction, upper.quality)
