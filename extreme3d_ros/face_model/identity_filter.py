"""Who it is, told by many views of one person: a running estimate of the shape alpha of Eq. 1.

What a view says of the shape is Gaussian: an information matrix L and a vector h = L mean, the expectation N(0, 1) of
all faces left out. Views with independent errors add up (the information filter):

    information = 1 + sum L_i,    mean = information^-1 sum h_i

so that a profile tells depth and a frontal view width: Deng et al. (2019), Eq. 7, with a matrix for each view in place
of a confidence for each coefficient. But errors are not independent: who is seen from one side again is mistaken the
same way again. On rendered films the estimates of views within 20 degrees scatter by 0.08 standard deviations about
their mean, which is off by 1.0. So all frames of one direction say no more than the best of them, and neighbouring
directions share what they say. Judged by benchmarks/identity_over_time.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from extreme3d_ros.face_model.fitting import Evidence, Fit
from extreme3d_ros.geometry.directions import yaw_and_pitch

#: Directions within such a square of yaw and pitch are one, radians.
_BIN = np.radians(10.0)
#: Errors of two directions this far apart go together by exp(-1/2), radians.
_ALIKE = np.radians(12.0)
#: What points say of the shape counts so much beside other views: of 1/4 to 1 the best on rendered films.
_POINTS = 0.5


@dataclass(frozen=True)
class ShapeEvidence:
    """What one view says of the shape, in standard deviations of the model, without what is expected of any face.

    information: (S, S), symmetric, no negative eigenvalues; vector: (S,), the information times the view's mean.
    """

    information: np.ndarray
    vector: np.ndarray


def shape_evidence(known: Evidence, shape: np.ndarray, information: np.ndarray) -> ShapeEvidence:
    """What the view says that was fitted to `known`.

    shape: (S,) the fit's; information: (S, S) the fit's about it, with what `known` expects of the shape, whatever pose
    and expression are.
    """
    expected = known.spread[: len(shape)] ** -2.0
    vector = expected * known.mean[: len(shape)]
    points = information - np.diag(expected)
    return ShapeEvidence(_POINTS * points + np.diag(expected - 1), _POINTS * (information @ shape - vector) + vector)


class IdentityFilter:
    """The estimate of one person's shape, in standard deviations of the model; before the first view the mean face. The
    order of views is of no matter.

    Whether they are one person's, others must know (tracking/appearance.py): of ten rendered persons another's views
    were told by their shapes in half of the cases only.

    mean: (S,); information: (S, S), the inverse of the estimate's covariance.
    """

    def __init__(self, size: int):
        self._size = size
        self._directions: dict[tuple[int, int], _Direction] = {}
        self.information, self.mean = np.eye(size), np.zeros(size)

    def refine(self, known: Evidence, fit: Fit, trust: float) -> Fit:
        """A view's fit with the person's shape; the view is heard before. trust: 0..1."""
        self.add(shape_evidence(known, fit.shape, fit.information), -fit.t @ fit.R, trust)
        return fit.given(self.mean)

    def add(self, evidence: ShapeEvidence, direction: np.ndarray, weight: float = 1.0) -> None:
        """Hears a view. direction: (3,) from the head to the camera, model frame; weight: 0..1, how far to trust it."""
        evidence = ShapeEvidence(weight * evidence.information, weight * evidence.vector)
        self._directions.setdefault(_bin_of(direction), _Direction(self._size)).add(evidence)
        self._combine()

    def _combine(self) -> None:
        self.information, vector = np.eye(self._size), np.zeros(self._size)
        for share, direction in zip(self._shares(), self._directions.values()):
            share *= direction.scale
            self.information += share * direction.information
            vector += share * direction.vector
        self.mean = cho_solve(cho_factor(self.information), vector)

    def _shares(self) -> np.ndarray:
        """The part of each direction's information that is not its neighbours' too; of which little is known, they take
        little."""
        amounts = np.maximum([direction.best for direction in self._directions.values()], 1e-12)
        yaw, pitch = _BIN * np.array(list(self._directions), np.float64).T
        rays = np.column_stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        alike = np.exp(-0.5 * (np.arccos(np.clip(rays @ rays.T, -1, 1)) / _ALIKE) ** 2)
        np.fill_diagonal(alike, 1.0)  # not quite, after rounding
        return 1 / (alike * np.minimum(1, amounts / amounts[:, None])).sum(1)


class _Direction:
    """The sum of what frames of one direction say. best: trace of the information of the one that says the most."""

    def __init__(self, size: int):
        self.information, self.vector, self.best = np.zeros((size, size)), np.zeros(size), 0.0

    def add(self, evidence: ShapeEvidence) -> None:
        self.information += evidence.information
        self.vector += evidence.vector
        self.best = max(self.best, float(np.trace(evidence.information)))

    @property
    def scale(self) -> float:
        """Brings the sum down to the best one's information."""
        return self.best / max(float(np.trace(self.information)), 1e-12)


def _bin_of(direction: np.ndarray) -> tuple[int, int]:
    """Yaw and pitch of a direction (3,) in bins from the frontal one."""
    yaw, pitch = np.rint(yaw_and_pitch(direction) / _BIN)
    return int(yaw), int(pitch)
