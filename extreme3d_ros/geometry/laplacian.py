"""Laplace coordinates of values on a mesh of fixed triangles, and the values that have given ones (Sec. 4.3, Eq. 9).

Every edge counts alike (the graph's Laplacian): (L x)_i is the sum of x_i - x_j over the neighbours j of i. So L is
symmetric, has no negative eigenvalue, and depends on nothing that changes from frame to frame.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: The residual has fallen to this share of its first size when the solution counts as found.
_TOLERANCE = 1e-2
#: A bound that is not meant to be met.
_STEPS = 1000


class Laplacian:
    """L of N vertices that E edges join."""

    def __init__(self, edges: np.ndarray, count: int):
        """edges: (E, 2), each once; count: N."""
        ends = np.concatenate([edges, edges[:, ::-1]])
        ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
        # Unsigned indices: Numba would look at every other one for being negative.
        self._starts = np.searchsorted(ends[:, 0], np.arange(count + 1)).astype(np.uint32)
        self._neighbours = np.ascontiguousarray(ends[:, 1], np.uint32)

    def composed(self, above: np.ndarray, share: np.ndarray, below: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """The Laplace coordinates (N, 3) float32 of one field laid over another, and both over zero.

        above, below: (N, 3); share, rest: (N,) 0..1. A step along an edge is `above`'s by the lesser share of its
        ends, for the remainder `below`'s by the lesser `rest`, and else 0: the fields' own levels don't matter.
        """
        arrays = (np.ascontiguousarray(a, np.float32) for a in (above, share, below, rest))
        return _composed(self._starts, self._neighbours, *arrays)

    def solve(
        self, coordinates: np.ndarray, anchors: np.ndarray, pull: np.ndarray, tolerance: float = _TOLERANCE
    ) -> np.ndarray:
        """The values x (N, 3) float32 with (L + diag(pull)) x = coordinates + diag(pull) anchors.

        coordinates, anchors: (N, 3), the coordinates those of `composed`; pull: (N,) > 0, inf where x is to be the
        anchor exactly. Where the coordinates are those of steps g along the edges, x is the minimiser of
        sum |x_i - x_j - g_ij|^2 + sum pull_i |x_i - anchor_i|^2. Conjugate gradients start at the anchors; tolerance:
        the part of the residual's first size (in the diagonal's norm) that may be left.
        """
        anchors = np.ascontiguousarray(anchors, np.float32)
        coordinates, pull = np.ascontiguousarray(coordinates, np.float32), np.ascontiguousarray(pull, np.float32)
        free = np.flatnonzero(pull < np.inf)
        equations = _equations(self._starts, self._neighbours, coordinates, anchors, pull, free)
        first, columns, diagonal, residual = equations
        x = anchors.copy()
        x[free] += _conjugate_gradients(first, columns, diagonal, residual, np.float32(tolerance), _STEPS)
        return x


@njit(cache=True, nogil=True)
def _composed(starts, neighbours, above, share, below, rest):
    out = np.empty_like(above)
    for i in range(len(above)):
        x = y = z = np.float32(0)
        for n in range(starts[i], starts[i + 1]):
            j = neighbours[n]
            a = min(share[i], share[j])
            b = (1 - a) * min(rest[i], rest[j])
            x += a * (above[i, 0] - above[j, 0]) + b * (below[i, 0] - below[j, 0])
            y += a * (above[i, 1] - above[j, 1]) + b * (below[i, 1] - below[j, 1])
            z += a * (above[i, 2] - above[j, 2]) + b * (below[i, 2] - below[j, 2])
        out[i, 0], out[i, 1], out[i, 2] = x, y, z
    return out


@njit(cache=True, nogil=True)
def _equations(starts, neighbours, coordinates, anchors, pull, free):
    """The equations of the free vertices alone, numbered anew: the pattern of their matrix (where a row starts, and its
    columns), its diagonal, and the residual at the anchors."""
    place = np.full(len(pull), -1, np.int32)
    place[free] = np.arange(len(free))
    first, columns = np.zeros(len(free) + 1, np.uint32), np.empty(len(neighbours), np.uint32)
    diagonal, residual = np.empty(len(free), np.float32), np.empty((len(free), 3), np.float32)
    filled = 0
    for k in range(len(free)):
        i = free[k]
        diagonal[k] = starts[i + 1] - starts[i] + pull[i]
        for c in range(3):
            residual[k, c] = coordinates[i, c]
        for n in range(starts[i], starts[i + 1]):
            j = neighbours[n]
            for c in range(3):
                residual[k, c] -= anchors[i, c] - anchors[j, c]
            if place[j] >= 0:
                columns[filled] = place[j]
                filled += 1
        first[k + 1] = filled
    return first, columns, diagonal, residual


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _conjugate_gradients(first, columns, diagonal, residual, tolerance, steps):
    """diagonal[k] u_k - (sum of u over the columns of k) = residual_k, with the diagonal as preconditioner."""
    u, out, p = np.zeros_like(residual), np.empty_like(residual), np.empty_like(residual)
    inverse = 1 / np.maximum(diagonal, np.float32(1e-12))
    now = np.float32(0)
    for k in range(len(p)):
        for c in range(3):
            p[k, c] = inverse[k] * residual[k, c]
            now += p[k, c] * residual[k, c]
    goal = now * tolerance * tolerance
    for _ in range(steps):
        if now <= goal or now == 0:
            break
        curvature = np.float32(0)
        for k in range(len(p)):
            x, y, z = diagonal[k] * p[k, 0], diagonal[k] * p[k, 1], diagonal[k] * p[k, 2]
            for n in range(first[k], first[k + 1]):
                j = columns[n]
                x -= p[j, 0]
                y -= p[j, 1]
                z -= p[j, 2]
            out[k, 0], out[k, 1], out[k, 2] = x, y, z
            curvature += x * p[k, 0] + y * p[k, 1] + z * p[k, 2]
        length, new = now / curvature, np.float32(0)
        for k in range(len(p)):
            x = residual[k, 0] - length * out[k, 0]
            y = residual[k, 1] - length * out[k, 1]
            z = residual[k, 2] - length * out[k, 2]
            residual[k, 0], residual[k, 1], residual[k, 2] = x, y, z
            new += inverse[k] * (x * x + y * y + z * z)
        ratio, now = new / now, new
        for k in range(len(p)):
            x, y, z, pull = p[k, 0], p[k, 1], p[k, 2], inverse[k]
            u[k, 0] += length * x
            u[k, 1] += length * y
            u[k, 2] += length * z
            p[k, 0], p[k, 1] = pull * residual[k, 0] + ratio * x, pull * residual[k, 1] + ratio * y
            p[k, 2] = pull * residual[k, 2] + ratio * z
    return u
