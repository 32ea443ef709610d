"""Rendered heads as the runtime sees them: detected, cut out, with the truth beside them; kept as files of 500."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.stages.window import window_about
from training.detected import DetectedHeads
from training.faces.generator import Rendered, Wish

#: Side of the kept windows, in pixels and in sides of the network's window: room to shift and turn it in training.
KEPT_SIZE, KEPT_SIDE = 160, 1.25
_PICTURE = (288, 288)
IN_A_FILE = 500
#: Sizes of the face by which a detection's middle may be off: farther away it found something else.
_STRAY = 0.6


class Coefficients:
    """The face model's coefficients of a known face, by least squares."""

    def __init__(self, model: FaceModel):
        self._mean = model.mean
        self._bases = [m.reshape(len(m), -1).astype(np.float64) for m in (model.shape_modes, model.expression_modes)]
        self._inverse = [np.linalg.inv(modes @ modes.T) for modes in self._bases]

    def __call__(self, made: Rendered) -> np.ndarray:
        """(S + E,) shape and expression."""
        ours, neutral = ((v.astype(np.float64) - made.t) @ made.R for v in (made.vertices, made.neutral))
        offsets = ((neutral - self._mean).ravel(), (ours - neutral).ravel())
        return np.concatenate([inv @ (base @ off) for inv, base, off in zip(self._inverse, self._bases, offsets)])


class Observer:
    """Renders, detects and cuts out."""

    def __init__(self):
        self._heads = DetectedHeads()
        model = self._heads.model
        self._coefficients = Coefficients(model)
        self._mean_points = model.landmarks468.on(model.faces, model.mean).astype(np.float64)

    def __call__(self, seed: int) -> dict[str, np.ndarray] | None:
        """One head, or None where it isn't found. window: (160, 160, 3) uint8 BGR; to_image: (2, 3) window's 0..1 to
        the picture; points: (468, 2) detected and truth: (468, 3) their places on the head, camera frame; R, t, K;
        coefficients (S + E,); share: hidden part."""
        found = self._heads(seed, _wish(seed), _STRAY)
        if found is None:
            return None
        made, truth, face = found
        region = window_about(face.points, made.camera, self._mean_points).region
        kept = replace(region, side=region.side * KEPT_SIDE)
        return {
            "window": Pyramid(made.image).patch(kept, KEPT_SIZE),
            "to_image": kept.to_image(1),
            "points": face.points.astype(np.float32),
            "truth": truth.astype(np.float32),
            "R": made.R,
            "t": made.t,
            "K": made.camera.K,
            "coefficients": self._coefficients(made).astype(np.float32),
            "share": np.float32(made.share),
        }


def _wish(seed: int) -> Wish:
    """A third clear, a third wearing or holding something, a third hidden up to half."""
    rng = np.random.default_rng([seed, 99])
    share = (0.0, None, rng.uniform(0.1, 0.5))[seed % 3]
    kind = None if seed % 3 != 1 else str(rng.choice(["hand", "sunglasses", "glasses", "mask", "scarf", "thing"]))
    return Wish(size=_PICTURE, share=share, kind=kind, most_pitch=25.0, roll_deviation=8.0)


_observer = lru_cache(1)(Observer)


def sample(seed: int) -> dict[str, np.ndarray] | None:
    """That of a seed."""
    return _observer()(seed)
