"""A triangulation that takes in vertices and whose edges are turned (Sloan 1993).

`mesh` is (corners, across, locked, at, chart, points). corners[t]: a triangle, counter-clockwise, corners[t, 0] = -1 if
it is gone; across[t, i]: the triangle over the edge opposite to corner i, -1 at the rim; locked[t, i]: that edge stays;
at[v]: one of a vertex's triangles; chart and points: of the vertices, as in chart.py. changed: a list of triangles that
`relax` is to look at.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.geometry.chart import CELL, sharpness, turn

_OPEN = (False, False, False)


@njit(cache=True, nogil=True)
def insert(mesh, v, last, fixed, cells, clashing, changed):
    """Puts a vertex into the triangle that it lies in; returns the number of triangles."""
    corners, across, chart = mesh[0], mesh[1], mesh[4]
    t = _located(mesh, v, last, cells)
    if t < 0:
        clashing[v] = True
        return last
    a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
    for near in (a, b, c):
        if chart[near, 0] == chart[v, 0] and chart[near, 1] == chart[v, 1]:
            if fixed[near]:
                clashing[v] = clashing[near] = True
            else:
                _take_over(mesh, v, near)
            return last
    bc, ca, ab = across[t, 0], across[t, 1], across[t, 2]
    u, w = last, last + 1
    put(mesh, t, (v, b, c), (bc, u, w), _OPEN)
    put(mesh, u, (v, c, a), (ca, w, t), _OPEN)
    put(mesh, w, (v, a, b), (ab, t, u), _OPEN)
    relink(mesh, ca, t, u)
    relink(mesh, ab, t, w)
    for s in (t, u, w):
        changed.append(s)
        if turn(chart, corners[s, 0], corners[s, 1], corners[s, 2]) == 0:  # the vertex lies on that edge
            changed.append(across[s, 0])
            flip(mesh, s, 0)
    return last + 2


@njit(cache=True, nogil=True)
def _located(mesh, v, last, cells):
    """The triangle that a vertex lies in or on: a walk from the map's, a search where it doesn't arrive."""
    corners, across, chart = mesh[0], mesh[1], mesh[4]
    t = np.int64(cells[chart[v, 1] // CELL, chart[v, 0] // CELL])
    for _ in range(50):
        if t < 0 or _holds(mesh, t, v):
            break
        for i in range(3):
            if turn(chart, corners[t, (i + 1) % 3], corners[t, (i + 2) % 3], v) < 0:
                t = across[t, i]
                break
    if t >= 0 and _holds(mesh, t, v):
        return t
    for other in range(last):
        if _holds(mesh, other, v):
            return other
    return -1


@njit(cache=True, nogil=True)
def _holds(mesh, t, v):
    corners, chart = mesh[0], mesh[4]
    a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
    return turn(chart, a, b, v) >= 0 and turn(chart, b, c, v) >= 0 and turn(chart, c, a, v) >= 0


@njit(cache=True, nogil=True)
def _take_over(mesh, v, w):
    """Lets a vertex stand where another was."""
    corners, across, at = mesh[0], mesh[1], mesh[3]
    t = at[w]
    while corners[t, slot(corners[t], w)] == w:
        i = slot(corners[t], w)
        corners[t, i] = v
        at[v] = t
        t = across[t, (i + 1) % 3]
    at[w] = -1


@njit(cache=True, nogil=True)
def relax(mesh, changed):
    """Turns edges of these triangles, and of those that change, while it improves them."""
    corners, across = mesh[0], mesh[1]
    while len(changed):
        t = changed.pop()
        if corners[t, 0] < 0:
            continue
        for i in range(3):
            if _improves(mesh, t, i):
                changed.append(across[t, i])
                changed.append(t)
                flip(mesh, t, i)
                break


@njit(cache=True, nogil=True)
def _improves(mesh, t, i):
    """Whether to turn an edge leaves both triangles positive in the chart and makes their smallest angle larger.

    In a plane this is Delaunay's criterion. Each turn raises the sorted list of angles, so turning ends.
    """
    across, locked, chart, points = mesh[1], mesh[2], mesh[4], mesh[5]
    if across[t, i] < 0 or locked[t, i]:
        return False
    a, b, c, d, _, _ = quad(mesh, t, i)
    if turn(chart, a, b, d) <= 0 or turn(chart, a, d, c) <= 0:
        return False
    before = max(sharpness(points, a, b, c), sharpness(points, d, c, b))
    return max(sharpness(points, a, b, d), sharpness(points, a, d, c)) < before - 1e-9


@njit(cache=True, nogil=True)
def flip(mesh, t, i):
    """Turns the edge opposite to corner i: (a, b, c), (d, c, b) become t = (a, b, d) and (a, d, c)."""
    across, locked = mesh[1], mesh[2]
    a, b, c, d, u, j = quad(mesh, t, i)
    ca, ab, bd, dc = across[t, (i + 1) % 3], across[t, (i + 2) % 3], across[u, (j + 1) % 3], across[u, (j + 2) % 3]
    wall_ca, wall_ab = locked[t, (i + 1) % 3], locked[t, (i + 2) % 3]
    wall_bd, wall_dc = locked[u, (j + 1) % 3], locked[u, (j + 2) % 3]
    put(mesh, t, (a, b, d), (bd, u, ab), (wall_bd, False, wall_ab))
    put(mesh, u, (a, d, c), (dc, ca, t), (wall_dc, wall_ca, False))
    relink(mesh, bd, u, t)
    relink(mesh, ca, t, u)


@njit(cache=True, nogil=True)
def quad(mesh, t, i):
    """The two triangles at an edge: (a, b, c) with the edge b c, and the corner d across it; its triangle and slot."""
    corners, across = mesh[0], mesh[1]
    u = across[t, i]
    j = slot(across[u], t)
    return corners[t, i], corners[t, (i + 1) % 3], corners[t, (i + 2) % 3], corners[u, j], u, j


@njit(cache=True, nogil=True)
def put(mesh, t, abc, beyond, walls):
    corners, across, locked, at = mesh[0], mesh[1], mesh[2], mesh[3]
    for i in range(3):
        corners[t, i], across[t, i], locked[t, i] = abc[i], beyond[i], walls[i]
        at[abc[i]] = t


@njit(cache=True, nogil=True)
def relink(mesh, t, old, new):
    """Tells a triangle that its neighbour has another number."""
    if t >= 0:
        across = mesh[1]
        across[t, slot(across[t], old)] = new


@njit(cache=True, nogil=True)
def slot(row, value):
    """Where a row of three holds a value."""
    return 0 if row[0] == value else (1 if row[1] == value else 2)


@njit(cache=True, nogil=True)
def edge(mesh, a, b):
    """The triangle on the left of the edge from a to b, and the corner opposite to it; -1 where there is no such."""
    corners, across, at = mesh[0], mesh[1], mesh[3]
    for way in (1, 2):
        t = at[a]
        while t >= 0:
            i = slot(corners[t], a)
            if corners[t, (i + 1) % 3] == b:
                return t, (i + 2) % 3
            t = across[t, (i + way) % 3]
            if t == at[a]:
                return -1, 0
    return -1, 0
