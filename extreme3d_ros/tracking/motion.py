"""Where a face goes: its points, moving on with constant velocity.

One velocity for all points: each point's own would double the scatter that the mesh network's points have from frame to
frame, for the next region would carry it.
"""

from __future__ import annotations

import numpy as np

#: The newest displacement's part in the velocity.
_NEWEST = 0.5
#: No face keeps its velocity longer, seconds.
_HORIZON = 0.2


class Motion:
    """Of one face's points (468, 2), pixels; stamps in seconds."""

    def __init__(self, points: np.ndarray, stamp: float):
        self.points, self.stamp = points, stamp
        self._velocity = np.zeros(2)

    @property
    def side(self) -> float:
        """The longer side of the box about the points."""
        return float(np.ptp(self.points, axis=0).max())

    def expected(self, stamp: float) -> np.ndarray:
        """(468, 2) the points at a time to come."""
        return self.points + self._velocity * min(stamp - self.stamp, _HORIZON)

    def saw(self, points: np.ndarray, stamp: float) -> None:
        """The face's points at a later time. After a gap the velocity is unknown."""
        elapsed = stamp - self.stamp
        if elapsed > _HORIZON:
            self._velocity = np.zeros(2)
        elif elapsed > 0:
            self._velocity = self._velocity + _NEWEST * ((points - self.points).mean(0) / elapsed - self._velocity)
        self.points, self.stamp = points, stamp

    def far(self, points: np.ndarray, stamp: float, reach: float) -> float:
        """Distance of a face's points from where it should be then, in those that a face may have strayed, which are
        `reach` of its sides."""
        away = np.linalg.norm(points.mean(0) - self.expected(stamp).mean(0))
        return float(away / (reach * self.side))
