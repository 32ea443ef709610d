"""Least squares for a height field from one directional derivative a pixel, with priors on heights and slopes.

Minimised over h (H, W), zero outside the domain:

    sum  w (a h_x + b h_y - r)^2  +  slope (h_x^2 + h_y^2)  +  height h^2

with forward differences in pixels. The height term bounds how far a pixel's influence reaches, so plain conjugate
gradients with a diagonal preconditioner converge in a few dozen steps.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def solve(a, b, r, w, slope, height, domain, *, tolerance=1e-2, iterations=80) -> np.ndarray:
    """h (H, W) float32.

    a, b, r, w: (H, W) as above, any value outside the domain; slope: prior weight of slopes; height: (H, W) prior
    weight of heights; domain: (H, W) bool. Stops when the residual has fallen by `tolerance`.
    """
    inside = domain.copy()
    inside[-1, :] = inside[:, -1] = False  # forward differences need a right and a lower neighbour
    used = np.where(inside, w, 0).astype(np.float32)
    arrays = [np.where(inside, v, 0).astype(np.float32) for v in (a, b, r)]
    return _conjugate_gradients(
        *arrays, used, np.float32(slope), np.where(inside, height, 1).astype(np.float32), inside, tolerance, iterations
    )


@njit(cache=True, nogil=True, fastmath=True)
def _apply(h, a, b, w, slope, height, inside, out):
    """out = (D^T W D + priors) h, gathered in one pass over the rows."""
    rows, columns = h.shape
    out[:] = 0
    for y in range(rows - 1):
        for x in range(columns - 1):
            if not inside[y, x]:
                continue
            here = h[y, x]
            hx = h[y, x + 1] - here
            hy = h[y + 1, x] - here
            along = w[y, x] * (a[y, x] * hx + b[y, x] * hy)
            gx = along * a[y, x] + slope * hx
            gy = along * b[y, x] + slope * hy
            out[y, x] += height[y, x] * here - gx - gy
            out[y, x + 1] += gx
            out[y + 1, x] += gy
    for y in range(rows):
        for x in range(columns):
            if not inside[y, x]:
                out[y, x] = 0


@njit(cache=True, nogil=True, fastmath=True)
def _conjugate_gradients(a, b, r, w, slope, height, inside, tolerance, iterations):
    rows, columns = a.shape
    h = np.zeros((rows, columns), np.float32)
    residual = np.zeros_like(h)
    diagonal = np.ones_like(h)
    for y in range(rows - 1):
        for x in range(columns - 1):
            if not inside[y, x]:
                continue
            wa, wb = w[y, x] * a[y, x], w[y, x] * b[y, x]
            residual[y, x] -= (wa + wb) * r[y, x]
            residual[y, x + 1] += wa * r[y, x]
            residual[y + 1, x] += wb * r[y, x]
            diagonal[y, x] += w[y, x] * (a[y, x] + b[y, x]) ** 2 + 2 * slope + height[y, x] - 1
            diagonal[y, x + 1] += wa * a[y, x] + slope
            diagonal[y + 1, x] += wb * b[y, x] + slope
    for y in range(rows):
        for x in range(columns):
            if not inside[y, x]:
                residual[y, x] = 0
    z = residual / diagonal
    p = z.copy()
    out = np.zeros_like(h)
    rz = np.sum(residual * z)
    goal = rz * tolerance * tolerance
    for _ in range(iterations):
        if rz <= goal or rz == 0:
            break
        _apply(p, a, b, w, slope, height, inside, out)
        step = rz / np.sum(p * out)
        h += step * p
        residual -= step * out
        z = residual / diagonal
        new = np.sum(residual * z)
        p = z + (new / rz) * p
        rz = new
    return h
