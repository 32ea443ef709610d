"""Two hundred pictures without a face: pieces of scikit-image's, drawn rooms, heaps of shapes, text, noise."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

#: scikit-image's pictures that need no download and show no human face: not even a coin's.
_PICTURES = (
    *("brick", "grass", "gravel", "coffee", "chelsea", "clock", "rocket", "moon", "hubble_deep_field"),
    *("immunohistochemistry", "retina", "page", "text", "horse", "checkerboard", "colorwheel", "cell"),
)
SIZE = (480, 640)


def pictures(seed: int = 0):
    """(480, 640, 3) uint8 BGR, two hundred times."""
    rng = np.random.default_rng(seed)
    for name in _PICTURES:
        for part in range(5):
            yield piece(getattr(data, name)(), rng, whole=part == 0)
    makers = (room, heap, writing, cloudy, noisy)
    for k in range(200 - 5 * len(_PICTURES)):
        yield makers[k % len(makers)](rng)


def piece(picture: np.ndarray, rng, whole: bool) -> np.ndarray:
    """A picture, or a turned part of it."""
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    picture = np.atleast_3d(picture)[..., :3]
    image = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3))[..., ::-1])
    if not whole:
        side = int(min(image.shape[:2]) * rng.uniform(0.3, 0.9))
        y, x = (rng.integers(0, n - side + 1) for n in image.shape[:2])
        image = np.ascontiguousarray(np.rot90(image[y : y + side, x : x + side], rng.integers(4)))
    return cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA)


def room(rng) -> np.ndarray:
    """Walls, a floor, windows, frames, furniture, a lamp."""
    image = np.empty((*SIZE, 3), np.uint8)
    image[:] = rng.integers(90, 230, 3)
    horizon = int(rng.integers(240, 360))
    image[horizon:] = rng.integers(40, 160, 3)
    for _ in range(rng.integers(4, 14)):
        (x, y), (w, h) = rng.integers(0, (600, 420)), rng.integers(30, 220, 2)
        lean = rng.integers(-30, 30, 2)
        corners = np.array([[x, y], [x + w, y + lean[0]], [x + w, y + h + lean[1]], [x, y + h]])
        cv2.fillPoly(image, [corners.astype(np.int32)], rng.integers(0, 255, 3).tolist(), cv2.LINE_AA)
        cv2.polylines(image, [corners.astype(np.int32)], True, rng.integers(0, 90, 3).tolist(), int(rng.integers(1, 6)))
    for _ in range(rng.integers(1, 4)):
        centre, radius = rng.integers((0, 0), (640, 480)).tolist(), int(rng.integers(8, 60))
        cv2.circle(image, centre, radius, rng.integers(120, 255, 3).tolist(), -1, cv2.LINE_AA)
    return _camera(image, rng)


def heap(rng) -> np.ndarray:
    """Ellipses of all colours, skin's among them, on top of one another."""
    image = np.full((*SIZE, 3), rng.integers(0, 255, 3), np.uint8)
    for _ in range(rng.integers(10, 60)):
        tone = rng.integers(0, 255, 3) if rng.random() < 0.5 else rng.integers((90, 120, 160), (150, 180, 240))
        axes = rng.integers(5, 120, 2).tolist()
        centre = rng.integers((0, 0), (640, 480)).tolist()
        cv2.ellipse(image, centre, axes, rng.uniform(0, 180), 0, 360, tone.tolist(), -1, cv2.LINE_AA)
    return _camera(image, rng)


def writing(rng) -> np.ndarray:
    """Lines of letters of all sizes."""
    image = np.full((*SIZE, 3), rng.integers(150, 255, 3), np.uint8)
    for _ in range(rng.integers(5, 30)):
        letters = "".join(chr(c) for c in rng.integers(33, 126, rng.integers(2, 20)))
        at = rng.integers((0, 20), (560, 480)).tolist()
        font, thick = int(rng.integers(0, 7)), int(rng.integers(1, 9))
        cv2.putText(image, letters, at, font, rng.uniform(0.4, 4), (30, 20, 20), thick)
    return _camera(image, rng)


def cloudy(rng) -> np.ndarray:
    """Noise with more of the coarse than of the fine, as in landscapes."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIZE[0]), np.fft.fftfreq(SIZE[1]), indexing="ij")
    spectrum = 1 / np.maximum(np.hypot(fy, fx), 1 / 640) ** rng.uniform(0.8, 2.0)
    planes = [np.fft.ifft2(np.fft.fft2(rng.normal(size=SIZE)) * spectrum).real for _ in range(3)]
    mixed = np.stack(planes, -1) @ rng.dirichlet((1, 1, 1), 3).T
    low, high = np.percentile(mixed, [1, 99])
    return (np.clip((mixed - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def noisy(rng) -> np.ndarray:
    """Independent pixels, or coarse blocks of them."""
    cells = int(rng.choice([1, 2, 8, 32, 80]))
    coarse = rng.integers(0, 255, (SIZE[0] // cells, SIZE[1] // cells, 3)).astype(np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_CUBIC])))


def _camera(image, rng):
    """A little blur, light that falls off, sensor noise."""
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.5)).astype(np.float32)
    fall = np.linspace(1, rng.uniform(0.5, 1.0), SIZE[1])[None, :, None]
    return np.clip(blurred * fall + rng.normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)
