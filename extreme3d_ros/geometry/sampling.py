"""Images read between their pixels, or at some of them."""

from __future__ import annotations

import numpy as np
from numba import njit


def some_of(mask: np.ndarray, wanted: int = 2000) -> np.ndarray:
    """About `wanted` of a mask's pixels (H, W) bool, evenly picked: indices (N,) into the flattened image."""
    inside = np.flatnonzero(mask)
    return inside[:: max(len(inside) // wanted, 1)]


def bilinear(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Image (H, W, C) at pixels (N, 2) as (x, y): (N, C) float32; the border's values continue outside it.

    A pixel that is not finite gives 0.
    """
    return _bilinear(image, np.ascontiguousarray(pixels, np.float32))


@njit(cache=True, nogil=True)
def _bilinear(image, pixels):
    height, width, channels = image.shape
    out = np.zeros((len(pixels), channels), np.float32)
    for i in range(len(pixels)):
        x, y = pixels[i, 0], pixels[i, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        x = min(max(x, np.float32(0)), np.float32(width - 1))
        y = min(max(y, np.float32(0)), np.float32(height - 1))
        left, top = int(x), int(y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        u, v = x - left, y - top
        for c in range(channels):
            upper = (1 - u) * image[top, left, c] + u * image[top, right, c]
            lower = (1 - u) * image[bottom, left, c] + u * image[bottom, right, c]
            out[i, c] = (1 - v) * upper + v * lower
    return out
