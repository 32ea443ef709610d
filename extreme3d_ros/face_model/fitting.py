"""MAP fit of the morphable model (Eqs. 1 and 2) and of the viewpoint to points, through a perspective camera.

Minimised over the pose (R, t) and the coefficients c = (shape alpha, expression eta) by Gauss-Newton:

    sum_i |project(R F_i(c) + t) - p_i|^2 / sigma_i^2  +  sum_k (c_k - m_k)^2 / s_k^2
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.model import FaceModel

#: Neighbours' errors go together, and what is expected of the coefficients comes from the same points: 468 of them say
#: no more than a few independent ones would. So many times larger is a deviation taken. Held-out renders change little
#: from 3 to 12; at the lower end the face keeps nearer to its points.
_CORRELATION = 5.0
#: A point this many times farther off than it should be counts half.
_OUTLYING = 3.0
#: No camera shows a face from farther away, metres.
_FARTHEST = 1e3
_UNEXPLAINED = "no pose explains the landmarks"


class NoPose(ValueError):
    """Points that no pose of the face explains."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a face before the fit.

    points: (468, 2) pixels; deviation: (468,) theirs along either axis, pixels; mean, spread: (S + E,) what to expect
    of shape and expression and how surely, in standard deviations of the model (0 and 1: nothing is known).
    """

    points: np.ndarray
    deviation: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class Fit:
    """shape (99,), expression (29,) in standard deviations; R (3, 3), t (3,) metres; residual: rms error in units of
    the points' standard deviations; information: (S, S) about the shape, whatever pose and expression are (their Schur
    complement in the last step's normal matrix); response: (6 + E, S) how rotation (about the camera's axes, radians),
    t and expression follow a change of the shape; doubt: standard deviation of the rotation about the camera's x and y,
    radians."""

    shape: np.ndarray
    expression: np.ndarray
    R: np.ndarray
    t: np.ndarray
    residual: float
    information: np.ndarray
    response: np.ndarray
    doubt: float

    def given(self, shape: np.ndarray) -> Fit:
        """The fit for a shape (S,) that is known better: pose and expression follow it."""
        change = self.response @ (shape - self.shape)
        return replace(
            self,
            shape=shape.astype(np.float32),
            expression=self.expression + change[6:].astype(np.float32),
            R=Rotation.from_rotvec(change[:3]).as_matrix() @ self.R,
            t=self.t + change[3:6],
        )


class PointFitter:
    """Fits a face model to MediaPipe's 468 points."""

    def __init__(self, model: FaceModel, iterations: int = 3):
        embed = model.landmarks468
        self._iterations, self._shapes = iterations, len(model.shape_modes)
        self._mean = embed.on(model.faces, model.mean).astype(np.float64)
        modes = np.concatenate([model.shape_modes, model.expression_modes])
        # (468, 3, K): how the points follow the coefficients.
        self._modes = np.stack([embed.on(model.faces, mode) for mode in modes], axis=-1).astype(np.float32)

    def __call__(self, known: Evidence, camera: Camera) -> Fit:
        """The fit, in the camera's frame. Raises NoPose where none explains the points."""
        c = known.mean.astype(np.float64)
        R, t = pose_by_points(self._points(c), known.points, camera)
        for _ in range(self._iterations):
            H, gradient, residual = self._normal(known, camera, R, t, c)
            step = -cho_solve(_factor(H), gradient, check_finite=False)
            R = Rotation.from_rotvec(step[:3]).as_matrix() @ R
            t = t + step[3:6]
            c = c + step[6:]
        if not np.isfinite(c).all() or not 0 < t[2] < np.inf:
            raise NoPose(_UNEXPLAINED)
        shape, expression = np.split(c.astype(np.float32), [self._shapes])
        return Fit(shape, expression, R, t, residual, *_shape_apart(H, self._shapes))

    def _points(self, c):
        """(468, 3) on the face of the coefficients, the model's frame."""
        return self._mean + self._modes @ c.astype(np.float32)

    def _normal(self, known: Evidence, camera: Camera, R, t, c):
        """The normal matrix and the gradient of a Gauss-Newton step (rotation, translation, coefficients), and the
        residual it starts from."""
        rotated = self._points(c) @ R.T
        x, y, z = (rotated + t).T
        fx, fy = camera.K[0, 0], camera.K[1, 1]
        off = (camera.project(rotated + t) - known.points) / known.deviation[:, None]
        residual = float(np.sqrt((off**2).mean()))
        # Points that scatter more than usual are worse ones: what is expected has more to say.
        robust = 1 / np.sqrt(1 + (off**2).sum(1) / _OUTLYING**2)
        weight = robust / (_CORRELATION * np.sqrt(max(1.0, residual)))
        D = np.zeros((len(z), 2, 3))  # derivative of the weighted pixel by the point
        D[:, 0, 0], D[:, 0, 2] = fx / z, -fx * x / z**2
        D[:, 1, 1], D[:, 1, 2] = fy / z, -fy * y / z**2
        D *= (weight / known.deviation)[:, None, None]
        J = np.empty((len(z), 2, 6 + len(c)), np.float32)
        J[..., :3], J[..., 3:6] = np.cross(rotated[:, None], D), D
        np.matmul((D @ R).astype(np.float32), self._modes, out=J[..., 6:])
        J = J.reshape(2 * len(z), -1)
        precision = np.concatenate([np.full(6, 1e-9), known.spread**-2.0])
        H = (J.T @ J).astype(np.float64) + np.diag(precision)
        gradient = J.T @ (off * weight[:, None]).ravel().astype(np.float32)
        gradient = gradient + precision * np.concatenate([np.zeros(6), c - known.mean])
        return H, gradient, residual


def _factor(H: np.ndarray):
    """For cho_solve. Raises NoPose where the points went beyond all numbers on the way."""
    try:
        return cho_factor(H)
    except ValueError as error:  # not finite, or not positive definite
        raise NoPose(_UNEXPLAINED) from error


def _shape_apart(H: np.ndarray, shapes: int) -> tuple[np.ndarray, np.ndarray, float]:
    """`Fit`'s information, response and doubt, of a normal matrix over pose (6), shape and expression."""
    other = np.r_[:6, 6 + shapes : len(H)]
    across = H[other, 6 : 6 + shapes]
    factor = _factor(H[np.ix_(other, other)])
    response = -cho_solve(factor, across)
    doubt = float(np.sqrt(cho_solve(factor, np.eye(len(other), 2))[[0, 1], [0, 1]].mean()))
    return H[6 : 6 + shapes, 6 : 6 + shapes] + across.T @ response, response, doubt


def pose_by_points(places: np.ndarray, points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """R (3, 3), t (3,) of known places (N, 3) that are seen at points (N, 2), by PnP (Terzakis and Lourakis
    2020; far away Lepetit et al. 2009).

    Raises NoPose where there is none.
    """
    # The first refuses points as close together, seen from the camera, as those of a face 20 m away.
    for method in (cv2.SOLVEPNP_SQPNP, cv2.SOLVEPNP_EPNP):
        with suppress(cv2.error):  # the points coincide or are not finite
            _, rotation, t = cv2.solvePnP(places, points.astype(np.float64), camera.K, np.empty(0), flags=method)
            if 0 < t[2, 0] < _FARTHEST and np.isfinite(t).all():
                return cv2.Rodrigues(rotation)[0], t[:, 0]
    raise NoPose(_UNEXPLAINED)
