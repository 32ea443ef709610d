"""The part of a dense mesh that a zipper can join: sound triangles in one piece, and its border.

faces: (F, 3) int32. The mesh is of pixels: its edges join neighbours (of 8) on a grid, pixels: (M, 2) int32 (x, y);
so a vertex's edges are bits of one number.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.geometry.chart import CELL, CELLS, sharpness, squared_length, turn

#: Dense triangles of a smaller angle (radians) are left to the sparse mesh: they graze the view, or bridge a fold.
_SLIVER = np.radians(12.0)
_SHARPEST = np.cos(_SLIVER) ** 2
#: Two points of a surface are as far apart as its least stretch (metres per unit of the chart) there says; what joins
#: dense points that are nearer than this part of it goes through the air, over a fold.
_THROUGH_AIR = 0.6


@njit(cache=True, nogil=True)
def sound(faces, chart, points, cells, stretch):
    """The triangles that are positive in the chart, no slivers, not in the air, and clear of the rim.

    chart, points: of the dense vertices; cells: (CELLS, CELLS) the sparse triangle there, -1 off the mesh and near its
    rim; stretch: (T,) `least_stretch` of the sparse triangles.
    """
    kept, count = np.empty_like(faces), 0
    for t in range(len(faces)):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        x0 = min(chart[a, 0], chart[b, 0], chart[c, 0]) // CELL
        x1 = max(chart[a, 0], chart[b, 0], chart[c, 0]) // CELL
        y0 = min(chart[a, 1], chart[b, 1], chart[c, 1]) // CELL
        y1 = max(chart[a, 1], chart[b, 1], chart[c, 1]) // CELL
        if x0 < 0 or y0 < 0 or x1 >= CELLS or y1 >= CELLS or cells[y0, x0] < 0 or turn(chart, a, b, c) <= 0:
            continue
        least = _THROUGH_AIR**2 * stretch[cells[y0, x0]]
        if _in_air(chart, points, a, b, least) or _in_air(chart, points, b, c, least):
            continue
        if _in_air(chart, points, c, a, least) or sharpness(points, a, b, c) > _SHARPEST:
            continue
        clear = True
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                clear = clear and cells[y, x] >= 0
        if clear:
            kept[count, 0], kept[count, 1], kept[count, 2] = a, b, c
            count += 1
    return kept[:count]


@njit(cache=True, nogil=True)
def _in_air(chart, points, a, b, stretch):
    x, y = float(chart[a, 0] - chart[b, 0]), float(chart[a, 1] - chart[b, 1])
    return squared_length(points, a, b) < stretch * (x * x + y * y)


@njit(cache=True, nogil=True)
def least_stretch(faces, chart, points):
    """(T,) the least squared length in space of a unit length in the chart: the metric's smaller eigenvalue."""
    stretch = np.empty(len(faces))
    for t in range(len(faces)):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        u, v = float(chart[b, 0] - chart[a, 0]), float(chart[b, 1] - chart[a, 1])
        p, q = float(chart[c, 0] - chart[a, 0]), float(chart[c, 1] - chart[a, 1])
        area = u * q - v * p
        e = f = g = 0.0
        for k in range(3):
            d, h = points[b, k] - points[a, k], points[c, k] - points[a, k]
            x, y = (d * q - h * v) / area, (h * u - d * p) / area
            e, f, g = e + x * x, f + x * y, g + y * y
        stretch[t] = (e + g) / 2 - np.sqrt((e - g) ** 2 / 4 + f * f)
    return stretch


def without_bridges(faces: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The triangles that have a corner inside the patch."""
    return with_corners(faces, _open_ends(faces, pixels, _directions(faces, pixels)) == 0, 1)


def one_piece(faces: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest piece, none of whose vertices is pinched, and its border: (E, 2) directed edges of one triangle only,
    the patch on their left."""
    while True:
        directions = _directions(faces, pixels)
        pinched = _open_ends(faces, pixels, directions) > 1
        if not pinched.any():
            break
        faces = with_corners(faces, ~pinched, 3)
    if len(faces):
        faces = with_corners(faces, _largest(faces, len(pixels)), 3)
    return faces, _border(faces, pixels, directions)


@njit(cache=True, nogil=True)
def _largest(faces, count):
    """(M,) bool: the vertices of the piece that has most triangles."""
    root = np.arange(count)
    for t in range(len(faces)):
        for i in range(1, 3):
            a, b = _root(root, faces[t, 0]), _root(root, faces[t, i])
            root[max(a, b)] = min(a, b)
    sizes = np.zeros(count, np.int64)
    for t in range(len(faces)):
        sizes[_root(root, faces[t, 0])] += 1
    most = np.argmax(sizes)
    chosen = np.zeros(count, np.bool_)
    for a in range(count):
        chosen[a] = _root(root, a) == most
    return chosen


@njit(cache=True, nogil=True)
def _root(root, a):
    while root[a] != a:
        root[a] = root[root[a]]
        a = root[a]
    return a


@njit(cache=True, nogil=True)
def with_corners(faces, good, least):
    """The triangles of which at least so many corners are good: (M,) bool."""
    chosen, count = np.empty_like(faces), 0
    for t in range(len(faces)):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        if np.int64(good[a]) + np.int64(good[b]) + np.int64(good[c]) >= least:
            chosen[count, 0], chosen[count, 1], chosen[count, 2] = a, b, c
            count += 1
    return chosen[:count]


@njit(cache=True, nogil=True)
def _directions(faces, pixels):
    """(M,) uint16: the bits of the directed edges that start at each vertex."""
    directions = np.zeros(len(pixels), np.uint16)
    for t in range(len(faces)):
        for i in range(3):
            a = faces[t, i]
            directions[a] |= _bit(pixels, a, faces[t, (i + 1) % 3])
    return directions


@njit(cache=True, nogil=True)
def _bit(pixels, a, b):
    """The bit of a directed edge between neighbours: one of 9 directions."""
    return np.uint16(1 << (3 * (pixels[b, 1] - pixels[a, 1]) + pixels[b, 0] - pixels[a, 0] + 4))


@njit(cache=True, nogil=True)
def _open_ends(faces, pixels, directions):
    """(M,) how many edges of the border start at each vertex."""
    ends = np.zeros(len(pixels), np.uint8)
    for t in range(len(faces)):
        for i in range(3):
            a, b = faces[t, i], faces[t, (i + 1) % 3]
            if not directions[b] & _bit(pixels, b, a):
                ends[a] += 1
    return ends


@njit(cache=True, nogil=True)
def _border(faces, pixels, directions):
    """(E, 2) directed edges of one triangle only."""
    border = np.empty((_open_ends(faces, pixels, directions).sum(), 2), np.int32)
    count = 0
    for t in range(len(faces)):
        for i in range(3):
            a, b = faces[t, i], faces[t, (i + 1) % 3]
            if not directions[b] & _bit(pixels, b, a):
                border[count, 0], border[count, 1] = a, b
                count += 1
    return border
