"""The search for references (Sec. 4.2): the k nearest in viewpoint, and of those the ones most alike.

Every entry stands for two: itself and its mirrored twin, whose direction is (-x, y, z).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

_FLIP = np.array([-1, 1, 1], np.float32)


@dataclass(frozen=True)
class Match:
    """An entry that was found. mirrored: its twin is meant; similarity: the cosine between the identity features,
    -1..1; angle: between the viewpoints, radians."""

    index: int
    mirrored: bool
    similarity: float
    angle: float


def best_matches(
    directions: np.ndarray,
    features: Callable[[np.ndarray], np.ndarray],
    direction: np.ndarray,
    feature: np.ndarray,
    mirrored_feature: np.ndarray,
    k: int,
    count: int,
) -> list[Match]:
    """The entries or twins with the highest cosines among the k nearest in viewpoint, at most `count`, the most alike
    first.

    directions: (N, 3) float32 unit; features: from indices (n,) to the entries' features (n, F); direction: (3,) unit;
    feature, mirrored_feature: (F,), of the face that is sought and of its mirror image. Of equals, the one nearer in
    viewpoint.
    """
    if not len(directions):
        return []
    x, y, z = (np.float32(value) for value in direction)
    found = np.array(_nearest(directions, x, y, z, min(k, 2 * len(directions))))
    index, mirrored = found >> 1, (found & 1).astype(bool)
    # No twin's feature is stored: a twin is as like a face as the entry is like the face's mirror image.
    sought = np.where(mirrored[:, None], mirrored_feature, feature)
    # What is not finite comes from a broken file, and is like nothing.
    similarity = np.nan_to_num(np.einsum("nf,nf->n", features(index), sought), nan=-1.0, posinf=-1.0)
    best = np.argsort(-similarity, kind="stable")[:count]
    towards = directions[index[best]] * np.where(mirrored[best, None], _FLIP, 1)
    # Of small angles the cosine knows but half of the digits.
    angle = 2 * np.arcsin(np.minimum(np.linalg.norm(towards - direction, axis=1) / 2, 1.0))
    similarity = np.clip(similarity[best], -1, 1)
    return [
        Match(int(i), bool(twin), float(alike), float(away))
        for i, twin, alike, away in zip(index[best], mirrored[best], similarity, angle)
    ]


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
