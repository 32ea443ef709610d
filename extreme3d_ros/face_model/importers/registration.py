"""Our shipped model laid over another model's mean face, so that what we know of ours can be carried over.

The 68 landmarks, where the source tells them, give the start; then our model's own shape modes bend it onto the
source's surface, point to plane, with its prior as the regularisation.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.importers.closest import Surface
from extreme3d_ros.face_model.importers.source import UNKNOWN
from extreme3d_ros.face_model.model import EYE, MOUTH_INTERIOR, FaceModel
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.untrusted.broken import Broken

_ROUNDS = 20
#: Of our vertices every so manieth is used.
_STRIDE = 4
#: Standard deviations in metres of a surface point along the normal (neighbours err together, hence much) and along
#: the surface, of a landmark, and of one on the jaw, whose contour everyone draws differently.
_NORMAL, _TANGENT, _LANDMARK, _JAW_LANDMARK, _JAW = 0.004, 0.04, 0.004, 0.012, 17
#: A surface point farther off than this is no match, metres.
_FAR = 0.010
#: Another size than a face's means another unit; farther landmarks, other points; a farther surface, no face.
_SIZES, _WORST_LANDMARKS, _WORST_SURFACE = (0.75, 1.33), 0.012, 0.003
_NOSE_TIP = 30


def lay_over(ours: FaceModel, surface: Surface, vertices: np.ndarray, landmarks68: np.ndarray) -> np.ndarray:
    """Our vertices (V, 3) laid on the source's face, in its frame.

    vertices: (N, 3) the source's, metres; surface: of the same; landmarks68: (68,) its vertices, or UNKNOWN.
    Raises Broken where the source is no face of human size.
    """
    known = np.flatnonzero(landmarks68 != UNKNOWN)
    targets = vertices[landmarks68[known]]
    R, t = _start(ours, vertices, known, targets)
    mean, modes, sample = _tracked(ours, known)
    precision = np.zeros((len(mean), 3, 3))
    precision[sample:] = np.eye(3) / np.where(known < _JAW, _JAW_LANDMARK, _LANDMARK)[:, None, None]
    coefficients = np.zeros(modes.shape[2])
    for _ in range(_ROUNDS):
        placed = (mean + modes @ coefficients) @ R.T + t
        embedding, distance = surface.closest(placed[:sample])
        goals, normals = surface.at(embedding)
        precision[:sample] = _surface_precision(normals, distance)
        error = placed - np.concatenate([goals, targets])
        step = _step(error, placed - t, R @ modes, precision, coefficients)
        R, t = Rotation.from_rotvec(step[:3]).as_matrix() @ R, t + step[3:6]
        coefficients = coefficients + step[6:]
    if not np.median(distance) < _WORST_SURFACE:
        raise Broken(f"its surface stays {np.median(distance) * 1e3:.0f} mm off a face's")
    return ours.vertices(coefficients, np.zeros(0)).astype(np.float64) @ R.T + t


def _start(ours, vertices, known, targets):
    """Rotation and translation (R, t) from the landmarks, or, without enough of them, from the tip of the nose."""
    points = ours.landmarks68.on(ours.faces, ours.mean)
    if len(known) < 20:
        return np.eye(3), vertices[vertices[:, 2].argmax()] - points[_NOSE_TIP]
    try:
        size, _, _ = similarity(points[known], targets)
    except ValueError as error:
        raise Broken(str(error)) from None
    if not _SIZES[0] < size < _SIZES[1]:
        raise Broken(f"its landmarks span {size:.3g} times what a face's do")
    _, R, t = similarity(points[known], targets, scale=False)
    off = np.sqrt(np.mean(((points[known] @ R.T + t - targets) ** 2).sum(1)))
    if off > _WORST_LANDMARKS:
        raise Broken(f"its landmarks lie {off * 1e3:.0f} mm from a face's")
    return R, t


def _tracked(ours, known):
    """Mean (P, 3) and modes (P, 3, K) of a sample of our skin's vertices and of the known landmarks; the sample's
    size."""
    sample = np.flatnonzero((ours.regions != EYE) & (ours.regions != MOUTH_INTERIOR))[::_STRIDE]
    values = np.concatenate([ours.mean[None], ours.shape_modes]).transpose(1, 2, 0).astype(np.float64)
    tracked = np.concatenate([values[sample], ours.landmarks68.on(ours.faces, values)[known]])
    return tracked[..., 0], tracked[..., 1:], len(sample)


def _surface_precision(normals, distance):
    """(N, 3, 3) factors of the points' inverse covariances; less for those far off."""
    across = normals[:, :, None] * normals[:, None]
    weight = 1 / np.sqrt(1 + (distance / (0.5 * _NORMAL)) ** 2) * (distance < max(_FAR, 2 * np.median(distance)))
    return weight[:, None, None] * (across / _NORMAL + (np.eye(3) - across) / _TANGENT)


def _step(error, arms, modes, precision, coefficients):
    """One Gauss-Newton step: rotation vector, translation, coefficients."""
    turn = np.zeros((len(arms), 3, 3))  # -[arm]x, the derivative by the rotation
    turn[:, 0, 1], turn[:, 0, 2], turn[:, 1, 2] = arms[:, 2], -arms[:, 1], arms[:, 0]
    turn -= turn.transpose(0, 2, 1)
    move = np.broadcast_to(np.eye(3), turn.shape)
    J = (precision @ np.concatenate([turn, move, modes], axis=2)).reshape(3 * len(arms), -1)
    r = (precision @ error[..., None]).ravel()
    prior = np.concatenate([np.full(6, 1e-9), np.ones(len(coefficients))])
    gradient = J.T @ r + prior * np.concatenate([np.zeros(6), coefficients])
    return -cho_solve(cho_factor(J.T @ J + np.diag(prior)), gradient)
