"""Hair: a cap that grows out of the head; its line is a polygon in the head's side view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.face_model.render import HAIR

_COLORS = np.concatenate([HAIR, [[0.55, 0.45, 0.30], [0.45, 0.43, 0.41], [0.30, 0.10, 0.04], [0.02, 0.02, 0.02]]])
#: The side view: pixels a metre, and the (z, y) of its first pixel, metres on the neutral head.
_SCALE, _ORIGIN, _SIZE = 1000.0, np.array([-0.25, -0.30]), (560, 620)


@dataclass(frozen=True)
class Hair:
    """depth: (V,) metres within the hair line (negative: outside it); thickness: (V,) metres to grow outwards;
    color: (3,) linear; streaks: strength of the strands' contrast."""

    depth: np.ndarray
    thickness: np.ndarray
    color: np.ndarray
    streaks: float


def hair_color(rng) -> np.ndarray:
    """(3,) linear: somewhere between two natural colours."""
    a, b = _COLORS[rng.choice(len(_COLORS), 2)] ** 1.8
    return (a + (b - a) * rng.random()) * rng.uniform(0.5, 1.3)


def sample_hair(rng, rest: np.ndarray) -> Hair:
    """A hair style for a head's neutral vertices (V, 3): shaved or bald to long, with or without a fringe."""
    depth = _inside(_outline(rng), rest)
    kind = rng.choice(3, p=[0.2, 0.5, 0.3])
    top = (0.002, rng.uniform(0.006, 0.02), rng.uniform(0.015, 0.04))[kind]
    lumps = np.sin(rest @ rng.normal(0, 45, (3, 3)) + rng.uniform(0, 6, 3)).mean(1)
    thickness = top * np.clip(depth / 0.02, 0, 1) * (1 + 0.5 * lumps)
    color = hair_color(rng)
    if kind == 0 and rng.random() < 0.5:
        depth = depth - 1.0  # bald
    return Hair(depth.astype(np.float32), thickness.astype(np.float32), color, rng.uniform(0.1, 0.6))


def _outline(rng):
    """(P, 2) polygon (z, y): hair line, sideburn, round the ear or over it, nape."""
    front = rng.normal(0.094, 0.006) - (rng.uniform(0.01, 0.035) if rng.random() < 0.2 else 0.0)
    recede = rng.uniform(-0.005, 0.02)
    line = [[0.2, front], [0.085, front + 0.002], [0.066 - recede, 0.078], [0.054 - recede / 2, 0.045]]
    if rng.random() < 0.3:
        low = rng.uniform(-0.16, -0.04)
        rest = [[0.036, 0.02], [rng.uniform(0.0, 0.03), low], [-0.25, low]]
    else:
        burn = rng.uniform(-0.02, 0.035)
        rest = [[0.042, burn], [0.026, burn], [0.020, 0.042], [-0.016, 0.046], [-0.024, 0.0], [-0.03, -0.05]]
        rest = [*rest, [-0.25, -0.06]]
    return np.array([*line, *rest, [-0.25, 0.3], [0.2, 0.3]])


def _inside(polygon, rest):
    """(V,) metres within the polygon, negative outside."""
    image = np.zeros(_SIZE, np.uint8)
    cv2.fillPoly(image, [np.rint((polygon - _ORIGIN) * _SCALE).astype(np.int32)], 1)
    signed = cv2.distanceTransform(image, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - image, cv2.DIST_L2, 5)
    z, y = np.rint((rest[:, [2, 1]] - _ORIGIN) * _SCALE).astype(int).T
    return signed[np.clip(y, 0, _SIZE[0] - 1), np.clip(z, 0, _SIZE[1] - 1)] / _SCALE
