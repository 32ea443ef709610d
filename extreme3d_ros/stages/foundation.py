"""The foundation (Sec. 3): shape, expression and viewpoint of a face from its landmarks."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.fitting import LandmarkFitter
from extreme3d_ros.face_model.landmark_response import load_response
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Coefficients, Face, Foundation

#: Points may scatter twice as far as they do on renders, where the residual is 1, before they are trusted less.
_GOOD = 2.0


class FoundationFit:
    """F = s + e (Eqs. 1 and 2), posed in the camera's frame."""

    def __init__(self, model: FaceModel):
        self._model = model
        self._fitter = LandmarkFitter(model, load_response(model))

    def __call__(self, face: Face, camera: Camera) -> tuple[Foundation, Coefficients, float]:
        """The foundation, its coefficients, and how far they can be trusted (0..1).

        Raises ValueError where no pose explains the face's points.
        """
        fit = self._fitter(face.points, camera)
        vertices = self._model.vertices(fit.shape, fit.expression) @ fit.R.T + fit.t
        foundation = Foundation(vertices.astype(np.float32), fit.R, fit.t)
        # Points that scatter twice as far as they do on good images halve the trust, and so on.
        confidence = face.score / max(1.0, fit.residual / _GOOD)
        return foundation, Coefficients(fit.shape, fit.expression), float(np.clip(confidence, 0.0, 1.0))
