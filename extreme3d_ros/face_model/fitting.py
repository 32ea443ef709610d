"""MAP fit of the morphable model (Eqs. 1 and 2) and of the viewpoint to landmarks, through a perspective camera.

Minimised over the pose (R, t), the shape alpha, the expression eta and the points' common errors z by Gauss-Newton:

    sum_i |project(R F_i(alpha, eta) + t) + b_i + U_i z - p_i|^2 / sigma_i^2  +  |alpha|^2 + |eta|^2 + |z|^2

With z the points' errors have the full covariance U U^T + diag(sigma^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.landmark_response import LandmarkResponse, PointErrors, head_angles
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.normals import vertex_normals

#: Neighbours' errors go together in more ways than the common ones, 468 points say no more than some 30 would: so many
#: times larger is a deviation taken. With a response, held-out renders are best at 6, little worse at 4 or 9.
_CORRELATION, _CORRELATION_LEARNED = 4.0, 6.0
#: A point this many times farther off than it should be counts half.
_OUTLYING = 3.0


@dataclass(frozen=True)
class Fit:
    """shape (99,), expression (29,) in standard deviations; R (3, 3), t (3,) metres; residual: rms error in units of
    the points' standard deviations."""

    shape: np.ndarray
    expression: np.ndarray
    R: np.ndarray
    t: np.ndarray
    residual: float


class LandmarkFitter:
    """Fits a face model to MediaPipe's 468 points. response: how they answer to faces, None: as the model's file has
    it, each point by itself."""

    def __init__(self, model: FaceModel, response: LandmarkResponse | None = None, iterations: int = 6):
        embed = model.landmarks468
        self._iterations, self._response = iterations, response
        self._correlation = _CORRELATION if response is None else _CORRELATION_LEARNED
        mean = embed.on(model.faces, model.mean).astype(np.float64)
        self._normals = embed.on(model.faces, vertex_normals(model.mean, model.faces))
        modes = np.concatenate([model.shape_modes, model.expression_modes])
        self._shapes = len(model.shape_modes)
        modes = np.stack([embed.on(model.faces, mode) for mode in modes], axis=-1).astype(np.float64)
        self._mean = mean if response is None else mean + response.offset
        self._modes = modes if response is None else modes + response.gain
        self._modes32 = np.ascontiguousarray(self._modes.transpose(1, 0, 2), np.float32)
        self._noise = np.maximum(model.landmark_noise, 1e-4)
        eyes = model.landmarks68.on(model.faces, model.mean)[[36, 45]]
        self._eye_distance = float(np.linalg.norm(eyes[0] - eyes[1]))

    def __call__(self, points: np.ndarray, camera: Camera) -> Fit:
        """Fit to points (468, 2) in the camera's pixels. Raises ValueError where no pose explains them."""
        R, t = _initial_pose(self._mean, points, camera)
        count = self._modes.shape[2]
        unknown = np.zeros(0)
        for _ in range(self._iterations):
            axes, yaw = head_angles(R)
            errors = self._errors(R, yaw)
            if len(unknown) != count + errors.factor.shape[2]:
                unknown = np.zeros(count + errors.factor.shape[2])
            local = self._mean + self._modes @ unknown[:count]
            step, residual = self._step(local, points, R, t, unknown, errors, axes, camera)
            R = Rotation.from_rotvec(step[:3]).as_matrix() @ R
            t = t + step[3:6]
            unknown = unknown + step[6:]
        s = self._shapes
        return Fit(unknown[:s].astype(np.float32), unknown[s:count].astype(np.float32), R, t, residual)

    def _errors(self, R, yaw: float) -> PointErrors:
        """What to expect of the points."""
        if self._response is not None:
            return self._response.at(yaw)
        # Unknown: each point's own deviation, and more where the skin is turned away.
        facing = -(self._normals @ R.T)[:, 2]
        sigma = self._noise * (1 + 4 * np.clip(0.3 - facing, 0, 1))
        return PointErrors(np.zeros((len(sigma), 2)), np.zeros((len(sigma), 2, 0)), np.column_stack([sigma, sigma]))

    def _step(self, local, points, R, t, unknown, errors: PointErrors, axes, camera):
        """One Gauss-Newton step (rotation, translation, coefficients, common errors) and the residual it starts from.

        Errors are measured along the head's axes in the picture, in outer eye corners' distances.
        """
        rotated = local @ R.T
        x, y, z = (rotated + t).T
        fx, fy = camera.K[0, 0], camera.K[1, 1]
        per_unit = axes.T * t[2] / (fx * self._eye_distance)
        count = self._modes.shape[2]
        off = (camera.project(rotated + t) - points) @ per_unit.T + errors.bias + errors.factor @ unknown[count:]
        residual = _residual(off, errors, unknown[count:])
        # Points that scatter more than usual are worse ones: the prior has more to say.
        looseness = self._correlation * np.sqrt(max(1.0, residual))
        weight = _robust(off, errors) / (looseness * errors.deviation)
        D = np.zeros((len(local), 2, 3))  # derivative of the pixel by the point
        D[:, 0, 0], D[:, 0, 2] = fx / z, -fx * x / z**2
        D[:, 1, 1], D[:, 1, 2] = fy / z, -fy * y / z**2
        D = (per_unit @ D) * weight[:, :, None]
        J = np.empty((len(local), 2, 6 + len(unknown)), np.float32)
        J[..., :3], J[..., 3:6] = -D @ _cross(rotated), D
        along = (D @ R).astype(np.float32)
        J[..., 6 : 6 + count] = sum(along[:, :, k, None] * self._modes32[k][:, None] for k in range(3))
        J[..., 6 + count :] = errors.factor * weight[:, :, None]
        J = J.reshape(2 * len(local), -1)
        r = (off * weight).ravel().astype(np.float32)
        prior = np.concatenate([np.full(6, 1e-9), np.ones(len(unknown))])
        H = (J.T @ J).astype(np.float64) + np.diag(prior)
        gradient = J.T @ r + prior * np.concatenate([np.zeros(6), unknown])
        return -cho_solve(cho_factor(H), gradient), residual


def _robust(off, errors: PointErrors):
    """(468, 1) weights of points that are off (468, 2)."""
    return 1 / np.sqrt(1 + ((off / errors.deviation) ** 2).sum(1, keepdims=True) / _OUTLYING**2)


def _residual(off, errors: PointErrors, common) -> float:
    """Rms of the points' own errors and of their common ones, over what is usual."""
    return float(np.sqrt((((off / errors.deviation) ** 2).sum() + common @ common) / off.size))


def _initial_pose(model_points, points, camera):
    """Pose of the mean face by PnP (Terzakis and Lourakis 2020)."""
    try:
        _, rotation, t = cv2.solvePnP(model_points, points.astype(np.float64), camera.K, None, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error as error:  # points that coincide or are not finite
        raise ValueError("no pose explains the landmarks") from error
    if not np.isfinite(t).all() or t[2, 0] <= 0:
        raise ValueError("no pose explains the landmarks")
    return cv2.Rodrigues(rotation)[0], t[:, 0]


def _cross(v: np.ndarray) -> np.ndarray:
    """The matrices [v]x (N, 3, 3)."""
    out = np.zeros((len(v), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    out[:, 1, 0], out[:, 2, 0], out[:, 2, 1] = v[:, 2], -v[:, 1], v[:, 0]
    return out
