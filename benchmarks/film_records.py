"""What the fast path makes of rendered films, kept in files: rendering takes longer than all that is done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.face_films import (
    Films,
    Instant,
    blinking,
    covered,
    frontal,
    lit,
    shaking,
    still,
    swaying,
    sweep,
    talking,
    turning,
)
from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.fitting import Evidence, Fit, PointFitter
from extreme3d_ros.face_model.identity_filter import ShapeEvidence, shape_evidence
from extreme3d_ros.output.atomic import placed_when_whole
from extreme3d_ros.records import Frame
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.foundation_network import FoundationNetwork

_FRAMES = 16
#: Yaws of the still heads, degrees.
_STILL_YAWS = 0.0, 20.0, -35.0, 45.0, -10.0
#: By name, the film of the n-th person.
FILMS: dict[str, Callable[[int], list[Instant]]] = {
    "sweep": lambda n: sweep(_FRAMES),
    "frontal": lambda n: frontal(_FRAMES),
    "held": lambda n: still(45, _yaw(n)),
    "lit": lambda n: lit(30, _yaw(n)),
    "covered": lambda n: covered(30, _yaw(n)),
    "turning": lambda n: turning(30),
    "shaking": lambda n: shaking(30),
    "swaying": lambda n: swaying(30),
    "talking": lambda n: talking(30, _yaw(n)),
    "blinking": lambda n: blinking(24, _yaw(n)),
}


def _yaw(n: int) -> float:
    return _STILL_YAWS[n % len(_STILL_YAWS)]


_KEPT = ("better", "deviation", "mean", "spread", "K", "score")


@dataclass(frozen=True)
class View:
    """A frame in which the face was found. direction: (3,) from the head to the camera, model frame."""

    instant: Instant
    fit: Fit
    evidence: ShapeEvidence
    direction: np.ndarray
    score: float


@dataclass(frozen=True)
class Film:
    """neutral: (V, 3) the true face without expression, in metres."""

    seed: int
    neutral: np.ndarray
    camera: Camera
    views: list[View]


def kept(path: Path, make: Callable[[], list[dict]]) -> dict[str, np.ndarray]:
    """The arrays (N, ...) of a file, made of N rows of theirs, whole or not at all, if it is not there."""
    if not path.exists():
        rows = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        with placed_when_whole(path) as part:
            np.savez_compressed(part, **{key: np.stack([row[key] for row in rows]) for key in rows[0]})
    with np.load(path) as data:
        return dict(data)


class Recorder:
    """Films of seeds, from `folder` where they are there already."""

    def __init__(self, folder: Path):
        self._folder, self.films = folder, Films()
        self._fitter = PointFitter(self.films.heads.model)

    @cached_property
    def _network(self) -> FoundationNetwork:
        return FoundationNetwork(self.films.heads.model)

    def __call__(self, seed: int, name: str, n: int) -> Film:
        """A film of FILMS, of the n-th person."""
        instants = FILMS[name](n)
        data = kept(self._folder / f"{seed}-{name}.npz", lambda: self._recorded(seed, instants))
        found = np.flatnonzero(data["found"])
        views = [self._view(instants[i], *(data[key][i] for key in _KEPT)) for i in found]
        return Film(seed, data["neutral"][0], Camera(data["K"][0], *self.films.size), views)

    def _view(self, instant, points, deviation, mean, spread, K, score) -> View:
        known = Evidence(points, deviation, mean, spread)
        fit = self._fitter(known, Camera(K, *self.films.size))
        evidence = shape_evidence(known, fit.shape, fit.information)
        return View(instant, fit, evidence, -fit.t @ fit.R, float(score))

    def _recorded(self, seed: int, instants: list[Instant]) -> list[dict]:
        detection, rows = Detection(), []
        for instant in instants:
            made = self.films.at(seed, instant)
            faces = detection(made.image)
            face = faces[0] if faces else None
            rows.append({"found": bool(faces), "neutral": made.neutral} | self._known(made, face))
        return rows

    def _known(self, made, face) -> dict:
        if face is None:
            coefficients = len(self.films.heads.model.shape_modes) + len(self.films.heads.model.expression_modes)
            nothing = np.zeros((468, 2)), np.ones(468), np.zeros(coefficients), np.ones(coefficients)
            return dict(zip(_KEPT, [*nothing, made.camera.K, 0.0]))
        known = self._network(Frame(made.image, made.camera), face.points)
        values = known.points, known.deviation, known.mean, known.spread, made.camera.K, face.score
        return dict(zip(_KEPT, values))
