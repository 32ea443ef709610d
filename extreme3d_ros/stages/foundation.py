"""The foundation (Sec. 3): shape, expression and viewpoint of a face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.face_model.fitting import Evidence, Fit, PointFitter
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Coefficients, Crop, Face, Foundation, Frame
from extreme3d_ros.stages.foundation_network import DEFAULT_NETWORK, FoundationNetwork

#: What is known of a face and its fit, and how far to trust them (0..1), to the fit with what more is known.
Refine = Callable[[Evidence, Fit, float], Fit]

#: Points may scatter this many times farther than the network says before they are trusted less.
_GOOD = 2.0
#: Deviation of a shape that is taken as a network of others says it, as the paper does.
_TAKEN = 1e-2


class FoundationFit:
    """F = s + e (Eqs. 1 and 2), posed in the camera's frame.

    shape_network: a crop to the shape (S,) in standard deviations; where it is given, the package's own network only
    gives points and expression.
    """

    def __init__(
        self,
        model: FaceModel,
        shape_network: Callable[[Crop], np.ndarray] | None = None,
        network: Path = DEFAULT_NETWORK,
        engines: EngineMaker = OnnxEngine,
    ):
        self._model, self._shape_network = model, shape_network
        self._network, self._fitter = FoundationNetwork(model, network, engines), PointFitter(model)

    def __call__(
        self, frame: Frame, face: Face, crop: Crop, refine: Refine | None = None
    ) -> tuple[Foundation, Coefficients, float]:
        """The foundation, its coefficients, and how far they can be trusted (0..1).

        refine: of who knows the person from other frames; hears this one, and what it answers is taken.
        Raises NoPose where no pose explains the face's points.
        """
        known = self._network(frame, face.points)
        if self._shape_network is not None:
            known = _with_shape(known, self._shape_network(crop))
        fit = self._fitter(known, frame.camera)
        if refine is not None:
            fit = refine(known, fit, face.score)
        vertices = self._model.vertices(fit.shape, fit.expression) @ fit.R.T + fit.t
        foundation = Foundation(vertices.astype(np.float32), fit.R, fit.t)
        confidence = face.score / max(1.0, fit.residual / _GOOD)
        return foundation, Coefficients(fit.shape, fit.expression), float(np.clip(confidence, 0.0, 1.0))


def _with_shape(known: Evidence, shape: np.ndarray) -> Evidence:
    """The evidence with a known shape (S,)."""
    mean, spread = known.mean.copy(), known.spread.copy()
    mean[: len(shape)], spread[: len(shape)] = shape, _TAKEN
    return replace(known, mean=mean, spread=spread)
