"""The road of a camera: `FastPath` over frames that follow each other, steadier and better known with each of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from extreme3d_ros.face_model.fitting import Evidence, Fit
from extreme3d_ros.face_model.identity_filter import IdentityFilter
from extreme3d_ros.face_model.steadiness import Steadiness
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import Face, Frame, Observation
from extreme3d_ros.stages.bump_memory import BumpMemory
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.unwrapping import Unwrapping
from extreme3d_ros.timing import timed
from extreme3d_ros.tracking import Tracked, Tracker


class LivePath:
    """FastPath for successive frames of one camera. Closes the fast path that it is given."""

    def __init__(self, fast: FastPath):
        self._fast, self._unwrapping = fast, Unwrapping(fast.model)
        self.reset()

    @property
    def detection(self) -> Detection:
        """The detector of single images."""
        return self._fast.detection

    def reset(self) -> None:
        """Nobody is known any more."""
        self._tracker = Tracker(self._fast.detection)
        self._sitters: dict[str, _Sitter] = {}

    def __call__(self, frame: Frame, stamp: float, max_faces: int = 1) -> list[Observation]:
        """The faces at work, the chosen one first; an empty list where there is none. stamp: seconds, rising."""
        timings: dict[str, float] = {}
        with timed(timings, "detection"):
            tracked = self.track(frame, stamp, max_faces)
        observations = [self.observe(frame, each.face, each.id, stamp, dict(timings)) for each in tracked]
        return [observation for observation in observations if observation is not None]

    def track(self, frame: Frame, stamp: float, max_faces: int = 1) -> list[Tracked]:
        """Where the faces at work are, the chosen one first: what `observe` takes. stamp: seconds, rising."""
        tracked = self._tracker(frame.image, stamp, max_faces)
        self.forget_all_but(self.known)
        return tracked

    def observe(
        self, frame: Frame, face: Face, identity: str, stamp: float, timings: dict[str, float]
    ) -> Observation | None:
        """One face whose id others know; None where its points are those of no face. timings: is added to."""
        sitter = self._sitters.setdefault(identity, _Sitter(len(self._fast.model.shape_modes), self._unwrapping))
        seen = self._fast.observe(frame, face, timings, partial(sitter.refine, stamp))
        if seen is None:
            return None
        with timed(timings, "blending"):
            layers = sitter.bump(seen.crop, seen.foundation, seen.coefficients.expression, seen.surface, seen.layers)
        return replace(seen, layers=layers, id=identity)

    @property
    def known(self) -> Collection[str]:
        """The ids that are in view or may come back."""
        return self._tracker.known

    def forget_all_but(self, known: Collection[str]) -> None:
        """Forgets who is not of these ids."""
        self._sitters = {identity: sitter for identity, sitter in self._sitters.items() if identity in known}

    def close(self) -> None:
        """Frees the networks."""
        self._fast.close()


class _Sitter:
    """What is known of one person before the camera."""

    def __init__(self, shapes: int, unwrapping: Unwrapping):
        self._identity, self._steadiness = IdentityFilter(shapes), Steadiness()
        self.bump = BumpMemory(unwrapping)

    def refine(self, stamp: float, known: Evidence, fit: Fit, trust: float) -> Fit:
        """A frame's fit, with the person's shape, and steadied."""
        return self._steadiness(self._identity.refine(known, fit, trust), stamp)
