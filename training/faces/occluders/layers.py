"""Layers of colour that are laid over a picture, with their shadows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from training.faces.noise import octaves, smooth_noise

_BITS, _FAR = 4, 6000


@dataclass(frozen=True)
class Box:
    """A part of the picture, pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return self.bottom - self.top, self.right - self.left

    def cut(self, image):
        """The part of an image (H, W, ...)."""
        return image[self.top : self.bottom, self.left : self.right]

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture's x (1, w) and y (h, 1), float32."""
        x = np.arange(self.left, self.right, dtype=np.float32)[None]
        return x, np.arange(self.top, self.bottom, dtype=np.float32)[:, None]


@dataclass(frozen=True)
class Layer:
    """alpha: (H, W) float32 opacity; paint: a box to its linear colours (h, w, 3), None: it only casts a shadow;
    shadow: strength of the shadow on what is behind; blur: of the shadow, pixels; shift: (2,) of it, pixels."""

    alpha: np.ndarray
    paint: Callable[[Box], np.ndarray] | None
    shadow: float = 0.35
    blur: float = 5.0
    shift: Sequence[float] = (0.0, 0.0)


def plain(color) -> Callable[[Box], np.ndarray]:
    """The paint of one colour (3,), linear."""
    return lambda box: np.broadcast_to(color, (*box.size, 3))


def hidden_by(layers: Sequence[Layer], size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: where less than half is seen through all of them."""
    through = np.ones(size, np.float32)
    for layer in layers:
        if layer.paint is not None:
            through *= 1 - layer.alpha
    return through < 0.5


def laid_over(picture: np.ndarray, layers: Sequence[Layer]) -> np.ndarray:
    """The picture (H, W, 3) behind the layers, the first of them farthest."""
    picture = picture.copy()
    for layer in layers:
        box = box_of(layer.alpha)
        if box is None:
            continue
        if layer.shadow > 0:
            _darken(picture, layer, box)
        if layer.paint is not None:
            part = box.cut(picture)
            part += box.cut(layer.alpha)[..., None] * (layer.paint(box) - part)
    return picture


def box_of(alpha) -> Box | None:
    """The part where alpha is not 0."""
    x, y, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    return Box(y, y + height, x, x + width) if width and height else None


def _darken(picture, layer: Layer, box: Box):
    """Casts the shadow of what is in the box: drawn small, as it is blurred anyway."""
    reach = int(3 * layer.blur + np.abs(layer.shift).max() + 2)
    height, width = layer.alpha.shape
    box = Box(
        max(box.top - reach, 0),
        min(box.bottom + reach, height),
        max(box.left - reach, 0),
        min(box.right + reach, width),
    )
    scale = 1 / np.clip(layer.blur, 1, 4)
    move = np.float32([[scale, 0, scale * layer.shift[0]], [0, scale, scale * layer.shift[1]]])
    rows, columns = box.size
    small = cv2.warpAffine(box.cut(layer.alpha), move, (int(columns * scale) + 1, int(rows * scale) + 1))
    small = cv2.GaussianBlur(small, (0, 0), max(layer.blur * scale, 0.3))
    back = np.float32([[1 / scale, 0, 0], [0, 1 / scale, 0]])
    part = box.cut(picture)
    part *= 1 - layer.shadow * cv2.warpAffine(small, back, (columns, rows))[..., None]


def canvas(size) -> np.ndarray:
    """(H, W) uint8 to draw a shape on: 255 is opaque."""
    return np.zeros(size, np.uint8)


def fill(mask, points, value: int = 255):
    """A polygon (P, 2) in pixels."""
    cv2.fillPoly(mask, [_fixed(points)], value, cv2.LINE_AA, _BITS)


def stroke(mask, points, width: float, value: int = 255, closed: bool = False):
    """A line through points (P, 2), pixels."""
    cv2.polylines(mask, [_fixed(points)], closed, value, max(int(round(width)), 1), cv2.LINE_AA, _BITS)


def strokes(mask, lines, width: float, value: int = 255):
    """Many lines (L, P, 2) alike."""
    cv2.polylines(mask, list(_fixed(lines)), False, value, max(int(round(width)), 1), cv2.LINE_AA, _BITS)


def _fixed(points):
    return np.rint(np.clip(points, -_FAR, _FAR) * (1 << _BITS)).astype(np.int32)


def soft(mask, blur: float = 0.6) -> np.ndarray:
    """(H, W) float32 opacity of a drawn shape."""
    mask = cv2.GaussianBlur(mask, (0, 0), blur) if blur > 0.2 else mask
    return mask * np.float32(1 / 255)


def rounded(alpha, reach: float):
    """(h, w, 1) brightness of a padded thing: darker at its rim."""
    distance = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return (0.45 + 0.55 * np.sqrt(np.clip(distance / max(reach, 1.0), 0, 1)))[..., None]


def curve(points, count: int = 16) -> np.ndarray:
    """(count, 2) a smooth line through the bends of the control points (P, 2) (a Bezier curve)."""
    points, t = np.asarray(points, float), np.linspace(0, 1, count)[:, None]
    points = [np.broadcast_to(p, (count, p.shape[-1])) for p in points]
    while len(points) > 1:
        points = [a + t * (b - a) for a, b in zip(points[:-1], points[1:])]
    return points[0]


def grain(rng, box: Box, cells: float, strength: float):
    """(h, w, 1) factor about 1: uneven surface, cells lumps along a side."""
    return cv2.exp(strength * smooth_noise(rng, box.size, cells)[..., 0])[..., None]


def cloth_color(rng) -> np.ndarray:
    """(3,) linear: mostly dull, often dark, sometimes bright."""
    color = 0.025 + rng.random(3) ** 2 * rng.choice([0.15, 0.5, 0.85])
    return color + rng.beta(2, 1.5) * (color.mean() - color)


def pattern(rng, box: Box, u, v, base) -> np.ndarray:
    """(h, w, 3) or (3,) cloth of colour base along its u, v (h, w): plain, striped, checked, dotted, blotched."""
    other = cloth_color(rng)
    kind = rng.choice(5, p=[0.5, 0.15, 0.1, 0.1, 0.15])
    periods = rng.uniform(8, 40) * np.array([1.0, rng.uniform(0.7, 1.4)])
    if kind == 0:
        return np.asarray(base, np.float32)
    a, b = np.sin(u * np.float32(periods[0])), np.sin(v * np.float32(periods[1]))
    if kind == 1:
        amount = np.clip(4 * (a if rng.random() < 0.5 else b), 0, 1)
    elif kind == 2:
        amount = 0.5 * (a > rng.uniform(-0.5, 0.8)) + 0.5 * (b > rng.uniform(-0.5, 0.8))
    elif kind == 3:
        amount = np.clip(5 * (a * b - 0.5), 0, 1)
    else:
        amount = np.clip(0.3 + octaves(rng, box.size, rng.uniform(4, 14), 2)[..., 0], 0, 1)
    base, other = np.asarray(base, np.float32), np.asarray(other, np.float32)
    return base + amount.astype(np.float32)[..., None] * (other - base)
