"""Meshes in a chart of integers, where every test of orientation is exact; and the same triangles in space.

For kernels: chart is (N, 2) int64, points (N, 3) metres, and a, b, c are rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Integer units along the chart's longer side: products of differences fit in 64 bits with room to spare.
UNITS = 1 << 27
#: Cells along it, of maps of the chart, and a cell's side in units.
CELLS = 512
CELL = UNITS // CELLS


@njit(cache=True, nogil=True)
def rounded(uv, origin, scale):
    """The chart (N, 2) int64 of places (N, 2): their distances from an origin (2,) in units of 1 / scale (2,)."""
    chart = np.empty(uv.shape, np.int64)
    for i in range(len(uv)):
        chart[i, 0] = np.rint((uv[i, 0] - origin[0]) * scale[0])
        chart[i, 1] = np.rint((uv[i, 1] - origin[1]) * scale[1])
    return chart


@njit(cache=True, nogil=True)
def turn(chart, a, b, c):
    """Twice the area of a triangle in the chart: positive if counter-clockwise."""
    x, y = chart[a, 0], chart[a, 1]
    return (chart[b, 0] - x) * (chart[c, 1] - y) - (chart[b, 1] - y) * (chart[c, 0] - x)


@njit(cache=True, nogil=True)
def all_positive(chart, faces):
    """Whether all triangles (T, 3) are counter-clockwise in the chart."""
    for t in range(len(faces)):
        if turn(chart, faces[t, 0], faces[t, 1], faces[t, 2]) <= 0:
            return False
    return True


@njit(cache=True, nogil=True)
def squared_length(points, a, b):
    """The square of a distance in space."""
    x, y, z = points[a, 0] - points[b, 0], points[a, 1] - points[b, 1], points[a, 2] - points[b, 2]
    return x * x + y * y + z * z


@njit(cache=True, nogil=True)
def sharpness(points, a, b, c):
    """Squared cosine of a triangle's smallest angle; 1 if it has none."""
    p, q, r = squared_length(points, b, c), squared_length(points, c, a), squared_length(points, a, b)
    if p > q:
        p, q = q, p
    if p > r:
        p, r = r, p
    if not p > 0.0:
        return 1.0
    return (q + r - p) ** 2 / (4.0 * q * r)
