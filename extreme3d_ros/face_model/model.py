"""The 3D morphable model: s = mean + sum alpha_i W^S_i (Eq. 1), e = sum eta_j W^E_j (Eq. 2), F = s + e.

Model frame ("frontal"): metres, origin at the sellion's depth on the symmetry plane, x to the person's left, y up, z
out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

DEFAULT_MODEL = Path(__file__).parent.parent / "data" / "face_model.npz"

#: Vertex labels of `FaceModel.regions`.
SKIN, BROW, EYE, LIP, MOUTH_INTERIOR = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Embedding:
    """Points fixed on the surface. triangles: (N,) indices into faces; barycentric: (N, 3) weights of the corners."""

    triangles: np.ndarray
    barycentric: np.ndarray

    def on(self, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Values (V, ...) of the vertices carried to the points: (N, ...)."""
        weights = self.barycentric.reshape(self.barycentric.shape + (1,) * (values.ndim - 1))
        return (values[faces[self.triangles]] * weights).sum(1)


@dataclass(frozen=True)
class FaceModel:
    """A face model of V vertices, T triangles, S shape and E expression modes.

    mean: (V, 3) metres, neutral; shape_modes: (S, V, 3), expression_modes: (E, V, 3), both metres per standard
    deviation (of an imported model: per unit of its own coefficients); faces: (T, 3) counter-clockwise from outside;
    mirror: (V,) each vertex's twin; mirror_faces: (T,) each triangle's twin; uv: (V, 2) in [0, 1];
    regions: (V,) labels SKIN ... MOUTH_INTERIOR; landmarks68, landmarks468: the standard and MediaPipe's points;
    landmark_noise: (468,) standard deviation of a detected point about its embedding, in units of the distance between
    the outer eye corners.

    The shipped model (99 and 29 modes) is exactly left-right symmetric. An imported one need not be: its `mirror` is
    then the vertex nearest to the mirror image, not always an involution, and `mirror_faces` is -1 where the twins of a
    triangle's corners make no triangle.
    """

    name: str
    mean: np.ndarray
    shape_modes: np.ndarray
    expression_modes: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray
    mirror_faces: np.ndarray
    uv: np.ndarray
    regions: np.ndarray
    landmarks68: Embedding
    landmarks468: Embedding
    landmark_noise: np.ndarray

    def vertices(self, shape: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """F = s + e (V, 3) in the model's frame; coefficients in standard deviations, missing trailing ones are 0."""
        size = self.mean.size
        flat = np.asarray(shape, np.float32) @ self.shape_modes[: len(shape)].reshape(len(shape), size)
        flat = flat + np.asarray(expression, np.float32) @ self.expression_modes[: len(expression)].reshape(
            len(expression), size
        )
        return self.mean + flat.reshape(self.mean.shape)
