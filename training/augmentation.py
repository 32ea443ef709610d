"""Random changes of the windows that networks are shown."""

from __future__ import annotations

import cv2
import numpy as np


def torn_off(size: int, rng) -> np.ndarray:
    """(size, size) bool: a star-shaped scrap somewhere about the middle."""
    corners = rng.integers(3, 9)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.08, 0.3) * size * rng.uniform(0.5, 1.3, corners)
    points = rng.uniform(0.15, 0.85, 2) * size + reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    scrap = np.zeros((size, size), np.uint8)
    cv2.fillPoly(scrap, [np.rint(points).astype(np.int32)], 1)
    return scrap > 0


def recoloured(window, rng):
    """Other exposure, white balance and contrast; grey, blurred, coarse or noisy at times."""
    gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.1, 3))
    table = np.clip(np.linspace(0, 1, 256)[:, None] * gain, 0, 1) ** np.exp(rng.normal(0, 0.25))
    table = np.clip((table - 0.5) * np.exp(rng.normal(0, 0.15)) + 0.5 + rng.normal(0, 0.05), 0, 1)
    window = cv2.LUT(window, (table * 255).astype(np.uint8)[None])
    kind = rng.random()
    if kind < 0.15:
        window = cv2.cvtColor(cv2.cvtColor(window, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    elif kind < 0.3:
        window = cv2.GaussianBlur(window, (0, 0), rng.uniform(0.4, 1.8))
    elif kind < 0.4:
        side = int(len(window) * rng.uniform(0.3, 0.8))
        window = cv2.resize(cv2.resize(window, (side, side), interpolation=cv2.INTER_AREA), window.shape[:2])
    elif kind < 0.55:
        noise = rng.normal(0, rng.uniform(2, 14), window.shape)
        window = np.clip(window + noise, 0, 255).astype(np.uint8)
    return window
