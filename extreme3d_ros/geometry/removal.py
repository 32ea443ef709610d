"""Vertices taken out of a triangulation. mesh, changed: as in flipping.py."""

from __future__ import annotations

from numba import njit

from extreme3d_ros.geometry.chart import turn
from extreme3d_ros.geometry.flipping import flip, put, quad, relink, slot


@njit(cache=True, nogil=True)
def removed(mesh, w, changed):
    """Takes out a vertex inside the mesh: turns its edges away until three are left. False where that can't be done."""
    corners, across, at = mesh[0], mesh[1], mesh[3]
    while True:
        degree, t = 0, at[w]
        while degree == 0 or t != at[w]:
            degree += 1
            t = across[t, (slot(corners[t], w) + 1) % 3]
        if degree == 3:
            changed.append(_merged(mesh, w))
            return True
        turned = False
        for _ in range(degree):
            k = (slot(corners[t], w) + 2) % 3
            turned = _turns_away(mesh, t, k, degree)
            if turned:
                changed.append(across[t, k])
                changed.append(t)
                flip(mesh, t, k)
                break
            t = across[t, (k + 2) % 3]
        if not turned:
            return False


@njit(cache=True, nogil=True)
def _turns_away(mesh, t, k, degree):
    """Whether the edge of a vertex, opposite to corner k, can be turned. Of the vertex's last four triangles one may
    then be flat: they become one in the next step."""
    chart, locked = mesh[4], mesh[2]
    if locked[t, k]:
        return False
    a, b, c, d, _, _ = quad(mesh, t, k)
    flat = turn(chart, a, b, d)
    return turn(chart, a, d, c) > 0 and (flat > 0 or (flat == 0 and degree == 4))


@njit(cache=True, nogil=True)
def _merged(mesh, w):
    """Makes one triangle of the three at a vertex."""
    corners, across, locked, at = mesh[0], mesh[1], mesh[2], mesh[3]
    t = at[w]
    i = slot(corners[t], w)
    p, q = corners[t, (i + 1) % 3], corners[t, (i + 2) % 3]
    u, v = across[t, (i + 1) % 3], across[t, (i + 2) % 3]
    j, k = slot(corners[u], w), slot(corners[v], w)
    r = corners[v, (k + 1) % 3]
    beyond = (across[u, j], across[v, k], across[t, i])
    put(mesh, t, (p, q, r), beyond, (locked[u, j], locked[v, k], locked[t, i]))
    relink(mesh, beyond[0], u, t)
    relink(mesh, beyond[1], v, t)
    corners[u], corners[v] = -1, -1
    at[w] = -1
    return t
