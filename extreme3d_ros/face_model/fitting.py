"""MAP fit of the morphable model (Eqs. 1 and 2) and of the viewpoint to landmarks, through a perspective camera.

Minimised over the pose (R, t), the shape alpha and the expression eta by Gauss-Newton:

    sum_i |project(R F_i(alpha, eta) + t) - p_i|^2 / sigma_i^2  +  |alpha|^2 + |eta|^2
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.normals import vertex_normals

#: Errors of neighbouring points go together: 468 of them say no more than some 30 independent ones would.
_CORRELATION = 4.0


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
    """Fits a face model to MediaPipe's 468 points."""

    def __init__(self, model: FaceModel, iterations: int = 6):
        embed = model.landmarks468
        self._iterations = iterations
        self._mean = embed.on(model.faces, model.mean).astype(np.float64)
        self._normals = embed.on(model.faces, vertex_normals(model.mean, model.faces))
        modes = np.concatenate([model.shape_modes, model.expression_modes])
        self._shapes = len(model.shape_modes)
        self._modes = np.stack([embed.on(model.faces, mode) for mode in modes], axis=-1).astype(np.float64)
        self._modes32 = self._modes.astype(np.float32)
        self._noise = np.maximum(model.landmark_noise, 1e-4)
        eyes = model.landmarks68.on(model.faces, model.mean)[[36, 45]]
        self._eye_distance = float(np.linalg.norm(eyes[0] - eyes[1]))

    def __call__(self, points: np.ndarray, camera: Camera) -> Fit:
        """Fit to points (468, 2) in the camera's pixels. Raises ValueError where no pose explains them."""
        R, t = _initial_pose(self._mean, points, camera)
        coefficients = np.zeros(self._modes.shape[2])
        for _ in range(self._iterations):
            local = self._mean + self._modes @ coefficients
            sigma = self._sigma(R, t, camera)
            step, residual = self._step(local, points, R, t, coefficients, sigma, camera)
            R = Rotation.from_rotvec(step[:3]).as_matrix() @ R
            t = t + step[3:6]
            coefficients = coefficients + step[6:]
        s = self._shapes
        return Fit(coefficients[:s].astype(np.float32), coefficients[s:].astype(np.float32), R, t, residual)

    def _sigma(self, R, t, camera) -> np.ndarray:
        """Standard deviation (468,) of each point in pixels: its own, and more where the skin is turned away."""
        unit = camera.K[0, 0] * self._eye_distance / t[2]
        facing = -(self._normals @ R.T)[:, 2]
        return self._noise * unit * _CORRELATION * (1 + 4 * np.clip(0.3 - facing, 0, 1))

    def _step(self, local, points, R, t, coefficients, sigma, camera):
        """One Gauss-Newton step (rotation, translation, coefficients) and the residual it starts from."""
        rotated = local @ R.T
        x, y, z = (rotated + t).T
        fx, fy = camera.K[0, 0], camera.K[1, 1]
        error = camera.project(rotated + t) - points
        robust = 1 / np.sqrt(1 + (np.linalg.norm(error, axis=1) / (3 * sigma / _CORRELATION)) ** 2)
        weight = robust / sigma
        D = np.zeros((len(local), 2, 3))  # derivative of the pixel by the point
        D[:, 0, 0], D[:, 0, 2] = fx / z, -fx * x / z**2
        D[:, 1, 1], D[:, 1, 2] = fy / z, -fy * y / z**2
        D *= weight[:, None, None]
        J = np.empty((len(local), 2, 6 + len(coefficients)), np.float32)
        J[..., :3], J[..., 3:6] = -D @ _cross(rotated), D
        along = (D @ R).astype(np.float32)
        J[..., 6:] = sum(along[:, :, k, None] * self._modes32[:, None, k] for k in range(3))
        J = J.reshape(2 * len(local), -1)
        r = (error * weight[:, None]).ravel().astype(np.float32)
        prior = np.concatenate([np.full(6, 1e-9), np.ones(len(coefficients))])
        H = (J.T @ J).astype(np.float64) + np.diag(prior)
        gradient = J.T @ r + prior * np.concatenate([np.zeros(6), coefficients])
        residual = _CORRELATION * float(np.sqrt(np.mean((error / sigma[:, None]) ** 2)))
        return -cho_solve(cho_factor(H), gradient), residual


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
