"""The angles of a mesh's triangles."""

from __future__ import annotations

import numpy as np


def smallest_angles(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The smallest angle (T,) of each triangle, radians; 0 where a triangle has no area.

    vertices: (N, 3); faces: (T, 3).
    """
    corners = np.asarray(vertices, np.float64)[faces]
    a, b, c = np.linalg.norm(np.roll(corners, -1, 1) - np.roll(corners, -2, 1), axis=2).T
    short, middle, long = np.sort([a, b, c], axis=0)
    # The law of cosines, for the angle opposite to the shortest side.
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (middle * middle + long * long - short * short) / (2 * middle * long)
    return np.arccos(np.clip(np.nan_to_num(cosine, nan=1.0), -1, 1))
