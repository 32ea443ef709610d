"""The model's own uv layout: a mean-value embedding of the whole disc in a rounded square."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from training.face_model.ict import boundary_loops
from training.face_model.planar import corner_angles

#: |2u - 1|^p + |2v - 1|^p = 1: round enough for its side to bend everywhere, so that no triangle can lie flat on it.
SQUARENESS = 4.0


def embed(vertices, faces, mirror) -> np.ndarray:
    """(V, 2) in [0, 1], bijective (Floater 2003, convex rim) and exactly symmetric about u = 0.5; v runs upwards."""
    uv = np.zeros((len(vertices), 2))
    (rim,) = boundary_loops(faces)
    uv[rim] = _rounded_square(vertices, rim)
    weights = _mean_value_weights(vertices, faces)
    inner = np.setdiff1d(np.arange(len(vertices)), rim)
    laplacian = sp.diags(np.asarray(weights.sum(1)).ravel()) - weights
    laplacian = laplacian.tocsr()[inner]
    uv[inner] = spsolve(laplacian[:, inner].tocsc(), -(laplacian[:, rim] @ uv[rim]))
    twins = uv[mirror] * [-1.0, 1.0] + [1.0, 0.0]
    return 0.5 * (uv + twins)


def _rounded_square(vertices, rim):
    """Places (R, 2) of the rim's vertices on the rounded square, by arc length within each symmetric half."""
    top = rim[np.argmax(np.where(np.abs(vertices[rim, 0]) < 1e-9, vertices[rim, 1], -np.inf))]
    order = np.roll(np.arange(len(rim)), -int(np.flatnonzero(rim == top)[0]))
    closed = np.append(rim[order], top)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(vertices[closed], axis=0), axis=1))])
    turn = length[:-1] / length[-1]
    t = np.linspace(0.0, 2.0 * np.pi, 20001)
    # The rim runs counter-clockwise: from the top to the person's right (u < 0.5).
    curve = np.column_stack([-np.sin(t), np.cos(t)])
    curve = np.sign(curve) * np.abs(curve) ** (2.0 / SQUARENESS)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = np.empty((len(rim), 2))
    for axis in (0, 1):
        places[order, axis] = 0.5 + 0.5 * np.interp(turn, along / along[-1], curve[:, axis])
    return places


def _mean_value_weights(vertices, faces):
    """(V, V) weights tan(a/2) + tan(b/2) over the edge's length; always positive."""
    angles = np.tan(corner_angles(vertices, faces) / 2.0)
    rows, columns, values = [], [], []
    for corner in range(3):
        i = faces[:, corner]
        for other in (1, 2):
            j = faces[:, (corner + other) % 3]
            rows.append(i)
            columns.append(j)
            values.append(angles[:, corner] / np.linalg.norm(vertices[i] - vertices[j], axis=1))
    count = len(vertices)
    return sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (count, count))
