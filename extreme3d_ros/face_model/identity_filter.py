"""Who it is, told by many views of one person: a running estimate of the shape alpha of Eq. 1.

What a view says of the shape is Gaussian: an information matrix L and a vector h = L mean, the expectation N(0, 1) of
all faces left out. Views with independent errors add up (the information filter):

    information = 1 + sum L_i,    mean = information^-1 sum h_i

so that a profile tells depth and a frontal view width: Deng et al. (2019), Eq. 7, with a matrix for each view in place
of a confidence for each coefficient. But errors are not independent: who is seen from one side again is mistaken the
same way again. On rendered films the estimates of views within 20 degrees scatter by 0.08 standard deviations about
their mean, which is off by 1.0. So all frames of one direction say no more than the best of them, and neighbouring
directions share what they say. What was chosen by what: benchmarks/identity_over_time.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from extreme3d_ros.face_model.fitting import Evidence

#: Directions within such a square of yaw and pitch are one, radians.
_BIN = np.radians(10.0)
#: Errors of two directions this far apart go together by exp(-1/2), radians.
_ALIKE = np.radians(12.0)
#: What points say of the shape counts so much beside other views: of 1/4 to 1 the best on rendered films.
_POINTS = 0.5
#: A view is doubtful that speaks for the person less than this part of what their views do on average, by this margin
#: (of logarithms of likelihoods); so many in a row are another person.
_DOUBTFUL, _MARGIN, _PATIENCE = 0.5, 0.5, 5


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
    """The estimate of one person's shape, in standard deviations of the model; before the first view the mean face.

    mean: (S,); information: (S, S), the inverse of the estimate's covariance; heard: the views that tell of the person.
    changing: whether another person may take the place of the first; where not, every view is heard, and their order is
    of no matter.
    """

    def __init__(self, size: int, changing: bool = True):
        self._size, self._changing, self._settled = size, changing, False
        self.reset()

    def reset(self) -> None:
        """Nothing of the person remains."""
        self._directions: dict[tuple[int, int], _Direction] = {}
        self._doubtful: list[tuple[ShapeEvidence, np.ndarray]] = []
        self.information, self.mean, self.heard = np.eye(self._size), np.zeros(self._size), 0

    def settle(self) -> None:
        """Views to come are not heard."""
        self._settled = True

    def add(self, evidence: ShapeEvidence, direction: np.ndarray, weight: float = 1.0) -> bool:
        """Whether the view is heard. One that seems another person's is kept apart, until a row of them proves it: then
        the person before gives way to whom they show.

        direction: (3,) from the head to the camera, model frame; weight: 0..1, how far to trust the view.
        """
        if self._settled:
            return False
        evidence = ShapeEvidence(weight * evidence.information, weight * evidence.vector)
        if self._changing and self._doubts(evidence):
            self._doubtful.append((evidence, direction))
            if len(self._doubtful) < _PATIENCE:
                return False
            views = self._doubtful
            self.reset()
        else:
            views = [(evidence, direction)]
            self._doubtful = []
        for view, seen_from in views:
            self._directions.setdefault(_bin_of(seen_from), _Direction(self._size)).add(view)
        self.heard += len(views)
        self._combine()
        return True

    def likeness(self, evidence: ShapeEvidence) -> tuple[float, float]:
        """Log of how much likelier the view is if it shows this person than if it shows a stranger, and what that is on
        average where it does show the person.

        A distance cannot tell: a view leaves so much open that strangers' are about as near.
        """
        before, one = self.information @ self.mean, np.eye(self._size)
        exponents, sizes = zip(
            _mass(self.information + evidence.information, before + evidence.vector),
            _mass(self.information, before),
            _mass(one + evidence.information, evidence.vector),
        )
        usual = float(np.dot([1, -1, -1], sizes))
        return float(np.dot([1, -1, -1], exponents)) + usual, usual

    def _doubts(self, evidence: ShapeEvidence) -> bool:
        likeness, usual = self.likeness(evidence)
        return likeness < _DOUBTFUL * usual - _MARGIN

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


def _mass(information: np.ndarray, vector: np.ndarray) -> tuple[float, float]:
    """Log of the integral of exp(-x'Ax/2 + b'x) over x, but for a constant: the parts of b and of A alone."""
    factor = cho_factor(information)
    return 0.5 * vector @ cho_solve(factor, vector), -np.log(np.diag(factor[0])).sum()


def _bin_of(direction: np.ndarray) -> tuple[int, int]:
    """Yaw and pitch of a direction (3,) in bins from the frontal one."""
    x, y, z = direction / np.linalg.norm(direction)
    yaw, pitch = np.rint(np.array([np.arctan2(x, z), np.arcsin(np.clip(y, -1, 1))]) / _BIN)
    return int(yaw), int(pitch)
