"""Least squares for a height field from one directional derivative a pixel, with priors on heights and slopes.

Minimised over h (H, W), zero outside the domain:

    sum  w (a h_x + b h_y - r)^2  +  slope (h_x^2 + h_y^2)  +  height h^2

with forward differences in pixels; the first row and column are kept at zero. The height term bounds how far a pixel's
influence reaches, so plain conjugate gradients with a diagonal preconditioner converge in a few dozen steps.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def solve(
    a: np.ndarray,
    b: np.ndarray,
    r: np.ndarray,
    w: np.ndarray,
    slope: float,
    height: np.ndarray,
    domain: np.ndarray,
    *,
    tolerance: float = 1e-2,
    iterations: int = 80,
) -> np.ndarray:
    """h (H, W) float32.

    a, b, r, w: (H, W) as above, any value outside the domain; slope: prior weight of slopes; height: (H, W) prior
    weight of heights; domain: (H, W) bool. Stops when the residual has fallen by `tolerance`.
    """
    inside = domain.copy()
    inside[-1, :] = inside[:, -1] = False  # forward differences need a right and a lower neighbour
    a, b, r, w, height = (np.where(inside, v, 0).astype(np.float32) for v in (a, b, r, w, height))
    inside = inside.astype(np.float32)
    # The 2 x 2 matrix that turns a pixel's slopes into its share of the gradient.
    xx, xy, yy = w * a * a + slope * inside, w * a * b, w * b * b + slope * inside
    pull = _divergence(w * a * r, w * b * r) * inside
    diagonal = height + xx + 2 * xy + yy
    diagonal[:, 1:] += xx[:, :-1]
    diagonal[1:, :] += yy[:-1, :]
    inverse = inside / np.where(inside > 0, diagonal, 1)
    return _conjugate_gradients(pull, xx, xy, yy, height, inverse, inside, np.float32(tolerance), iterations)


def _divergence(gx, gy):
    """The transpose of forward differences."""
    out = -gx - gy
    out[:, 1:] += gx[:, :-1]
    out[1:, :] += gy[:-1, :]
    return out


@njit(cache=True, nogil=True, fastmath=True)
def _apply(h, xx, xy, yy, height, inside, gx, gy, out):
    """out = (D^T A D + heights) h; no branches, so that the compiler can take several pixels at a time."""
    rows, columns = h.shape
    for y in range(rows - 1):
        for x in range(columns - 1):
            hx = h[y, x + 1] - h[y, x]
            hy = h[y + 1, x] - h[y, x]
            gx[y, x] = xx[y, x] * hx + xy[y, x] * hy
            gy[y, x] = xy[y, x] * hx + yy[y, x] * hy
    for y in range(1, rows):
        for x in range(1, columns):
            pulled = gx[y, x - 1] + gy[y - 1, x] - gx[y, x] - gy[y, x]
            out[y, x] = inside[y, x] * (height[y, x] * h[y, x] + pulled)


@njit(cache=True, nogil=True, fastmath=True)
def _conjugate_gradients(residual, xx, xy, yy, height, inverse, inside, tolerance, iterations):
    h = np.zeros_like(residual)
    gx, gy, out = np.zeros_like(h), np.zeros_like(h), np.zeros_like(h)
    p = inverse * residual
    rz = _dot(residual, p)
    goal = rz * tolerance * tolerance
    for _ in range(iterations):
        if rz <= goal or rz == 0:
            break
        _apply(p, xx, xy, yy, height, inside, gx, gy, out)
        step = rz / _dot(p, out)
        new = np.float32(0)
        for y in range(h.shape[0]):
            for x in range(h.shape[1]):
                h[y, x] += step * p[y, x]
                residual[y, x] -= step * out[y, x]
                new += residual[y, x] * residual[y, x] * inverse[y, x]
        again = new / rz
        for y in range(h.shape[0]):
            for x in range(h.shape[1]):
                p[y, x] = inverse[y, x] * residual[y, x] + again * p[y, x]
        rz = new
    return h


@njit(cache=True, nogil=True, fastmath=True)
def _dot(a, b):
    total = np.float32(0)
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            total += a[y, x] * b[y, x]
    return total
