"""The search for references (Sec. 4.2): the nearest in viewpoint.

Every entry stands for two: itself and its mirrored twin, whose direction is (-x, y, z).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Match:
    """An entry that was found. mirrored: its twin is meant; similarity: the cosine between the identity features,
    -1..1."""

    index: int
    mirrored: bool
    similarity: float


def nearest(directions: np.ndarray, direction: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest to a direction (3,), the nearest first: indices (n,), and whether the twin is meant, (n,).

    directions: (N, 3) float32 unit, N > 0.
    """
    x, y, z = (np.float32(value) for value in direction)
    found = np.array(_nearest(directions, x, y, z, min(k, 2 * len(directions))))
    return found >> 1, (found & 1).astype(bool)


@njit(cache=True, nogil=True)
def _nearest(directions, x, y, z, k):
    """2 i for an entry, 2 i + 1 for its twin: the k that are nearest to a direction, the nearest first.

    One pass over all of them with a heap of the best: it needs no index in memory, and where nearly all are farther
    than the k that it has, it does little more than read.
    """
    best = [(np.float32(-2.0), np.int64(-1))] * k
    for i in range(len(directions)):
        along = y * directions[i, 1] + z * directions[i, 2]
        across = x * directions[i, 0]
        if along + abs(across) <= best[0][0]:
            continue
        if along + across > best[0][0]:
            heapq.heapreplace(best, (along + across, np.int64(2 * i)))
        if along - across > best[0][0]:
            heapq.heapreplace(best, (along - across, np.int64(2 * i + 1)))
    best.sort()
    return [code for _, code in best[::-1]]
