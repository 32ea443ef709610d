"""A face seen in a mirror: what becomes of MediaPipe's points and of the coefficients."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.face_model.model import FaceModel

_FLIP = np.array([-1, 1, 1], np.float32)


class MirrorImage:
    """twins: (468,) of MediaPipe's points, which lies where in the mirror; coefficients: (K, K) float32, from a face's
    (shape, then expression) to those of its mirror image."""

    def __init__(self, model: FaceModel):
        places = model.landmarks468.on(model.faces, model.mean)
        self.twins = cKDTree(places).query(places * _FLIP)[1]
        shape, expression = (_mirrored(modes, model.mirror) for modes in (model.shape_modes, model.expression_modes))
        count = len(shape) + len(expression)
        self.coefficients = np.zeros((count, count), np.float32)
        self.coefficients[: len(shape), : len(shape)] = shape
        self.coefficients[len(shape) :, len(shape) :] = expression

    def offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Of MediaPipe's points in a picture (468, 2), to those of the mirrored points in the mirrored picture."""
        return offsets[self.twins] * _FLIP[:2]

    def rotation(self, rotation: np.ndarray) -> np.ndarray:
        """Of a head (3, 3), from the model's frame to axes right, down and away, to that of its mirror image."""
        return _FLIP[:, None] * rotation * _FLIP


def _mirrored(modes, mirror):
    """(K, K): coefficients to those of the mirror image, by least squares; modes may depend on each other."""
    flat = modes.reshape(len(modes), -1)
    other = (modes[:, mirror] * _FLIP).reshape(len(modes), -1)
    return np.linalg.lstsq((flat @ flat.T).astype(np.float64), (flat @ other.T).astype(np.float64), rcond=None)[0]
