"""Steadies pose and expression over the frames of one person, without letting them trail behind.

A low-pass filter that opens when the face moves, as One-Euro (Casiez et al., CHI 2012). That one opens with the speed,
which must be smoothed itself: a quick nod or a blink is half over before it shows. Here the filter opens with how far
it has been left behind, in deviations of the noise: noise goes to and fro about the estimate and cancels out in a tenth
of a second, motion adds up. So a steady motion trails by a few deviations, the less the faster it is, and nothing
overshoots.

Rotation, position and expression each move or rest as a whole. What one frame's noise is grows with the fit's doubt, so
that a face behind a hand is held where it was. What was chosen by what: benchmarks/steadiness.py, on persons 2000000 to
2000003.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.fitting import Fit

#: Cut-off of the filter while the face rests, Hz: the lowest of 0.5 to 1 leaves the least noise.
_RESTING = 0.5
#: It is twice that when the estimate has been left behind by so many deviations, five times at twice the way. Of 3 to 4
#: the one that lets the least noise through under changing light; more makes talk trail by half a frame.
_BEHIND = 4.0
#: Seconds over which that is averaged.
_AVERAGED = 0.1
#: Deviation of one frame's noise for each radian of the fit's doubt, about as still heads have it: of the rotation
#: about the camera's x and y, and about z (radians); of the place across the view (metres); of the logarithm of the
#: distance; of a coefficient of the expression. Lower ones follow sooner and let more noise through.
_TILT, _ROLL, _ACROSS, _DEPTH, _EXPRESSION = 0.07, 0.03, 0.0027, 0.036, 0.25
#: A fit more doubtful than the person's best is of a face hidden in part, whose error is another one in each frame: the
#: noise of the rotation, and of the position, which suffers most, grow with these powers of the ratio. Higher ones hold
#: a face behind a hand better, but turning changes the doubt too, by up to a third. A blink changes it as much as a
#: hand does: the expression is left out.
_HIDDEN_ROTATION, _HIDDEN_POSITION = 3, 6
#: Seconds in which the best doubt is forgotten: who walks away is seen less well.
_FORGOTTEN = 5.0
#: After so many seconds without a fit there is nothing to go by.
_GAP = 0.5
#: Where rotation (about x, y, z), position (x / z, y / z, log z) and expression begin.
_GROUPS = np.array([0, 3, 6])


@dataclass(frozen=True)
class _State:
    """stamp: seconds; R: (3, 3); place: (3 + E,) x / z, y / z, log z, expression; behind: (6 + E,) how far rotation and
    place were behind on average, in deviations of the noise; best: the least doubt of late, radians."""

    stamp: float
    R: np.ndarray
    place: np.ndarray
    behind: np.ndarray
    best: float


class Steadiness:
    """Pose and expression of one person's successive fits; the shape is left as it is."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """The next fit begins anew."""
        self._state: _State | None = None

    def __call__(self, fit: Fit, stamp: float) -> Fit:
        """The fit, steadied. stamp: seconds; where it falls, or rises by more than half a second, the fit comes back as
        it is and all before is forgotten."""
        if self._state is None or not 0 <= stamp - self._state.stamp <= _GAP:
            place = _place(fit)
            self._state = _State(stamp, fit.R, place, np.zeros(3 + len(place)), fit.doubt)
            return fit
        self._state = _followed(self._state, fit, stamp)
        return _placed(fit, self._state)


def _followed(before: _State, fit: Fit, stamp: float) -> _State:
    """The next state."""
    passed = stamp - before.stamp
    best = min(before.best * np.exp(passed / _FORGOTTEN), fit.doubt)
    turn = Rotation.from_matrix(fit.R @ before.R.T).as_rotvec()
    off = np.concatenate([turn, _place(fit) - before.place])
    kept = np.exp(-passed / _AVERAGED)
    behind = kept * before.behind + (1 - kept) * off / _noise(fit, best)
    sizes = np.diff(_GROUPS, append=len(off))
    opened = np.repeat(np.add.reduceat(behind**2, _GROUPS), sizes) / _BEHIND**2
    gain = 1 - np.exp(-2 * np.pi * _RESTING * (1 + opened) * passed)
    move = gain * off
    R = Rotation.from_rotvec(move[:3]).as_matrix() @ before.R
    return _State(stamp, R, before.place + move[3:], behind, best)


def _noise(fit: Fit, best: float) -> np.ndarray:
    """(6 + E,) deviations of one frame's rotation and place."""
    ratio, across = fit.doubt / best, _ACROSS / fit.t[2]
    turn = ratio**_HIDDEN_ROTATION * np.array([_TILT, _TILT, _ROLL])
    position = ratio**_HIDDEN_POSITION * np.array([across, across, _DEPTH])
    expression = np.full(len(fit.expression), _EXPRESSION)
    return fit.doubt * np.concatenate([turn, position, expression])


def _place(fit: Fit) -> np.ndarray:
    x, y, z = fit.t
    return np.concatenate([[x / z, y / z, np.log(z)], fit.expression])


def _placed(fit: Fit, state: _State) -> Fit:
    x, y, log_z = state.place[:3]
    expression = state.place[3:].astype(fit.expression.dtype)
    return replace(fit, R=state.R, t=np.exp(log_z) * np.array([x, y, 1.0]), expression=expression)
