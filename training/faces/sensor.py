"""What a camera does to a picture: blur of lens and motion, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np


def as_photographed(picture: np.ndarray, rng, scale: float = 1.0) -> np.ndarray:
    """A coded RGB picture (H, W, 3) float 0..1 to BGR uint8, with the faults of a camera; scale: strength of them."""
    blur = scale * rng.choice([rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.8)], p=[0.75, 0.25])
    picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), max(blur, 0.2))
    if rng.random() < 0.12 * scale:
        picture = cv2.filter2D(picture, -1, _streak(rng.integers(3, 9), rng.uniform(0, np.pi)))
    deviation = scale * rng.gamma(1.5, 0.007)
    noise = rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.5:  # denoised by the camera: coarser grain
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 2
    picture = picture + deviation * noise
    image = np.clip(picture[..., ::-1] * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.7:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image


def _streak(length: int, angle: float):
    """A kernel of motion blur, `length` pixels along the angle."""
    kernel = np.zeros((9, 9), np.float32)
    step = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    start, end = (tuple(np.rint((4 + sign * step) * 256).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, shift=8)
    return kernel / kernel.sum()
