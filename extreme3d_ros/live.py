"""The road of a camera: `FastPath` over frames that follow each other, steadier and better known with each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from extreme3d_ros.face_model.fitting import Evidence, Fit
from extreme3d_ros.face_model.identity_filter import IdentityFilter
from extreme3d_ros.face_model.steadiness import Steadiness
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import Frame, Observation, Tracked
from extreme3d_ros.stages.bump_memory import BumpMemory
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.unwrapping import Unwrapping
from extreme3d_ros.timing import timed
from extreme3d_ros.tracking import Tracker


class LivePath:
    """FastPath for successive frames of one camera."""

    def __init__(self, fast: FastPath):
        self._fast, self._unwrapping = fast, Unwrapping(fast.model)
        self._pool = ThreadPoolExecutor(2, "faces")
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
        return list(self.observe(frame, tracked, stamp, timings))

    def track(self, frame: Frame, stamp: float, max_faces: int = 1) -> list[Tracked]:
        """Where the faces at work are, the chosen one first: what `observe` takes. stamp: seconds, rising."""
        tracked = self._tracker(frame.image, stamp, max_faces)
        self.forget_all_but(self.known)
        return tracked

    def observe(
        self, frame: Frame, faces: Sequence[Tracked], stamp: float, timings: Mapping[str, float]
    ) -> Iterator[Observation]:
        """The faces of a frame whose ids are known, by `track` or by others; in their order, without those whose points
        are those of no face. timings: of the stages before."""
        sitters = [self._sitter(each.id) for each in faces]
        work = partial(self._observe, frame, stamp, timings)
        # Most stages have one core busy only: two faces at a time take a quarter less than one after the other.
        found = map(work, faces, sitters) if len(sitters) < 2 else self._pool.map(work, faces, sitters)
        return (observation for observation in found if observation is not None)

    def _observe(
        self, frame: Frame, stamp: float, timings: Mapping[str, float], tracked: Tracked, sitter: _Sitter
    ) -> Observation | None:
        seen = self._fast.observe(frame, tracked.face, dict(timings), partial(sitter.refine, stamp))
        if seen is None:
            return None
        with timed(seen.timings_ms, "blending"):
            layers = sitter.bump(seen.crop, seen.foundation, seen.coefficients.expression, seen.surface, seen.layers)
        return replace(seen, layers=layers, id=tracked.id)

    def _sitter(self, identity: str) -> _Sitter:
        if identity not in self._sitters:
            self._sitters[identity] = _Sitter(len(self._fast.model.shape_modes), self._unwrapping)
        return self._sitters[identity]

    @property
    def known(self) -> Collection[str]:
        """The ids that are in view or may come back."""
        return self._tracker.known

    def forget_all_but(self, known: Collection[str]) -> None:
        """Forgets who is not of these ids."""
        self._sitters = {identity: sitter for identity, sitter in self._sitters.items() if identity in known}

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown()


class _Sitter:
    """What is known of one person before the camera."""

    def __init__(self, shapes: int, unwrapping: Unwrapping):
        self._identity, self._steadiness = IdentityFilter(shapes), Steadiness()
        self.bump = BumpMemory(unwrapping)

    def refine(self, stamp: float, known: Evidence, fit: Fit, trust: float) -> Fit:
        """A frame's fit, with the person's shape, and steadied."""
        return self._steadiness(self._identity.refine(known, fit, trust), stamp)
