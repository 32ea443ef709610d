"""A border made part of a triangulation: its vertices inserted, those near it removed, edges turned until it is there.

mesh, changed: as in flipping.py. fixed: (N,) bool, vertices that stay; clashing: (N,) bool, set where the border is in
its own way.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.geometry.chart import squared_length, turn
from extreme3d_ros.geometry.flipping import edge, flip, insert, quad, relax, slot
from extreme3d_ros.geometry.removal import removed

#: A sparse vertex nearer to the dense border than this, in lengths of the border's edges there, makes way for it.
_CLEARANCE = 0.8


@njit(cache=True, nogil=True)
def stitched(mesh, last, border, fixed, cells, clashing):
    """The triangles (T, 3) outside the border, after all is stitched in; none where it is in its own way.

    mesh: of `last` triangles and room for two more for each edge of the border, (E, 2) directed, the patch on their
    left; cells: (CELLS, CELLS) a triangle near a place of the chart.
    """
    changed = [0]
    for e in range(len(border)):
        last = insert(mesh, border[e, 0], last, fixed, cells, clashing, changed)
        relax(mesh, changed)
        fixed[border[e, 0]] = True
    if not clashing.any():
        for finished in (False, True):  # forcing edges brings other vertices near
            for e in range(len(border)):
                _make_way(mesh, border[e, 0], border[e, 1], fixed, changed)
                relax(mesh, changed)
            for e in range(0 if finished else len(border)):
                _force(mesh, border[e, 0], border[e, 1], fixed, clashing, changed)
                relax(mesh, changed)
    if clashing.any():
        return mesh[0][:0]
    return _outside(mesh, border, clashing)


@njit(cache=True, nogil=True)
def _make_way(mesh, a, b, fixed, changed):
    """Takes out sparse vertices that are too near to the ends of an edge of the border, in the chart or in space."""
    corners, across, at, chart, points = mesh[0], mesh[1], mesh[3], mesh[4], mesh[5]
    reach = _CLEARANCE * np.hypot(chart[a, 0] - chart[b, 0], chart[a, 1] - chart[b, 1])
    square = _CLEARANCE**2 * squared_length(points, a, b)
    for end in (a, b):
        t = at[end]
        while True:
            i = slot(corners[t], end)
            w = corners[t, (i + 1) % 3]
            t = across[t, (i + 1) % 3]
            near = np.hypot(chart[w, 0] - chart[end, 0], chart[w, 1] - chart[end, 1]) < reach
            near = near or squared_length(points, w, end) < square
            if near and not fixed[w]:
                fixed[w] = not removed(mesh, w, changed)
                t = at[end]  # its triangles are others now
            elif t == at[end]:
                break


@njit(cache=True, nogil=True)
def _force(mesh, a, b, fixed, clashing, changed):
    """Turns edges until the one from a to b is there, and locks it."""
    across, locked = mesh[1], mesh[2]
    t, i = edge(mesh, a, b)
    while t < 0:
        crossing, blocker = _crossed(mesh, a, b)
        if blocker < 0:
            _turn_all(mesh, a, b, crossing, changed)
        elif fixed[blocker] or not removed(mesh, blocker, changed):
            clashing[a] = clashing[b] = clashing[blocker] = True
            return
        t, i = edge(mesh, a, b)
        if t < 0 and blocker < 0:
            clashing[a] = clashing[b] = True
            return
    locked[t, i] = True
    u = across[t, i]
    locked[u, slot(across[u], t)] = True


@njit(cache=True, nogil=True)
def _crossed(mesh, a, b):
    """The edges (right, left end) that the segment from a to b crosses, and a vertex that is in its way, or -1: on it,
    or the end of a locked edge that crosses it."""
    corners, across, locked, at, chart = mesh[0], mesh[1], mesh[2], mesh[3], mesh[4]
    t = at[a]
    crossing = [(a, b)]
    while True:
        i = slot(corners[t], a)
        p, q = corners[t, (i + 1) % 3], corners[t, (i + 2) % 3]
        right, left = turn(chart, a, b, p), turn(chart, a, b, q)
        if right == 0 and _ahead(chart, a, b, p):
            return crossing, p
        if right < 0 and left > 0:
            break
        t = across[t, (i + 1) % 3]
        if t == at[a]:
            return crossing, a
    crossing = [(p, q)]
    while True:
        u = across[t, i]
        if u < 0 or locked[t, i]:
            return crossing, p
        j = slot(across[u], t)
        r = corners[u, j]
        if r == b:
            return crossing, -1
        side = turn(chart, a, b, r)
        if side == 0:
            return crossing, r
        # The triangle is (r, q, p): the segment leaves it between r and q, or between p and r.
        if side > 0:
            q, i = r, (j + 1) % 3
        else:
            p, i = r, (j + 2) % 3
        t = u
        crossing.append((p, q))


@njit(cache=True, nogil=True)
def _ahead(chart, a, b, p):
    x, y = chart[b, 0] - chart[a, 0], chart[b, 1] - chart[a, 1]
    return x * (chart[p, 0] - chart[a, 0]) + y * (chart[p, 1] - chart[a, 1]) > 0


@njit(cache=True, nogil=True)
def _turn_all(mesh, a, b, crossing, changed):
    """Turns edges that cross the segment from a to b until none does (Sloan 1993)."""
    across, chart = mesh[1], mesh[4]
    bound = 10 * len(crossing) ** 2 + 10
    while len(crossing) and bound:
        bound -= 1
        p, q = crossing.pop(0)
        t, i = edge(mesh, p, q)
        u = across[t, i]
        corner, _, _, other, _, _ = quad(mesh, t, i)
        if turn(chart, corner, p, other) <= 0 or turn(chart, corner, other, q) <= 0:
            crossing.append((p, q))
            continue
        flip(mesh, t, i)
        changed.append(t)
        changed.append(u)
        if corner != a and corner != b and other != a and other != b:
            side = turn(chart, a, b, corner) > 0
            if side != (turn(chart, a, b, other) > 0):
                crossing.append((corner, other))


@njit(cache=True, nogil=True)
def _outside(mesh, border, clashing):
    """The triangles (T, 3) that the border, which is all in place, doesn't enclose."""
    corners, across, locked = mesh[0], mesh[1], mesh[2]
    inside = np.zeros(len(corners), np.bool_)
    stack = [edge(mesh, border[e, 0], border[e, 1])[0] for e in range(len(border))]
    while len(stack):
        t = stack.pop()
        if not inside[t]:
            inside[t] = True
            for i in range(3):
                if across[t, i] >= 0 and not locked[t, i]:
                    stack.append(across[t, i])
    for e in range(len(border)):
        if inside[edge(mesh, border[e, 1], border[e, 0])[0]]:
            clashing[border[e, 0]] = True
    return corners[~inside & (corners[:, 0] >= 0)]
