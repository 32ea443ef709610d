"""Weights on a mesh that change gently from vertex to vertex."""

from __future__ import annotations

import numpy as np
from numba import njit


def feathered(weights: np.ndarray, edges: np.ndarray, step: float | np.floating) -> np.ndarray:
    """The largest weights (N,) float32, nowhere above the given ones, that differ by at most `step` along each edge.

    weights: (N,); edges: (E, 2). So a patch of full weight fades out towards its border from within.
    """
    # Unsigned indices: Numba would look at every other one for being negative.
    edges = np.ascontiguousarray(edges, np.int64).view(np.uint64)
    return _feathered(np.array(weights, np.float32), edges, np.float32(step))


@njit(cache=True, nogil=True)
def _feathered(weights, edges, step):
    changed = True
    while changed:  # sweeps in both directions carry a limit far in few rounds
        changed = False
        for direction in (1, -1):
            for n in range(len(edges)):
                e = n if direction == 1 else len(edges) - 1 - n
                a, b = edges[e, 0], edges[e, 1]
                if weights[a] > weights[b] + step:
                    weights[a] = weights[b] + step
                    changed = True
                elif weights[b] > weights[a] + step:
                    weights[b] = weights[a] + step
                    changed = True
    return weights
