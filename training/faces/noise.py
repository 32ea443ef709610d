"""Random textures."""

from __future__ import annotations

import cv2
import numpy as np


def smooth_noise(rng, size: tuple[int, int], cells: float, channels: int = 1) -> np.ndarray:
    """(height, width, channels) float32 noise of mean 0, deviation about 1, about `cells` lumps along a side."""
    rows, columns = (max(int(round(cells * side / max(size))), 2) for side in size)
    coarse = rng.standard_normal((rows, columns, channels), np.float32)
    image = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return image.reshape(size[0], size[1], channels)


def octaves(rng, size: tuple[int, int], cells: float, count: int, falloff: float = 0.6, channels: int = 1):
    """(height, width, channels) sum of smooth noises, each finer by 2 and weaker by `falloff` than the last."""
    return sum(falloff**i * smooth_noise(rng, size, cells * 2**i, channels) for i in range(count))


def random_texture(rng, size: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) float32 linear colours 0..1 of something that is no face: cloth, wall, blurred things."""
    height, width = size
    base, other = rng.uniform(0.02, 0.8, (2, 3)).astype(np.float32)
    grey = rng.beta(2, 1)  # most things are of no strong colour
    base, other = base + grey * (base.mean() - base), other + grey * (other.mean() - other)
    kind = rng.integers(4)
    if kind == 0:
        amount = 0.5 + 0.4 * octaves(rng, size, rng.uniform(2, 12), 3)
    elif kind == 1:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(0.02, 0.2) * max(size)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period))
        amount = 0.5 + 0.5 * np.tanh(rng.uniform(0.5, 6) * wave)[..., None]
    elif kind == 2:
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        amount = np.broadcast_to(y, (height, width, 1)) + 0.1 * octaves(rng, size, 4, 2)
    else:
        amount = _patches(rng, size)
    return np.clip(base + (other - base) * np.clip(amount, 0, 1), 0, 1)


def _patches(rng, size):
    """(height, width, 1) rectangles and discs of random grey."""
    image = np.full(size, rng.random(), np.float32)
    scale = max(size)
    for _ in range(rng.integers(4, 20)):
        x, y, w, h = (rng.uniform(0, 1, 4) * [size[1], size[0], scale * 0.4, scale * 0.4]).astype(int)
        if rng.random() < 0.5:
            cv2.rectangle(image, (x - w // 2, y - h // 2), (x + w // 2, y + h // 2), rng.random(), -1)
        else:
            cv2.ellipse(image, (x, y), (w // 2 + 1, h // 2 + 1), rng.uniform(0, 180), 0, 360, rng.random(), -1)
    return image[..., None]
