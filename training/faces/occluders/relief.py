"""Round things as a height field towards the camera: fingers, handles, balls."""

from __future__ import annotations

import cv2
import numpy as np

from training.faces.occluders.layers import Box


class Relief:
    """height: (H, W) pixels towards the camera; alpha: (H, W) opacity."""

    def __init__(self, size: tuple[int, int]):
        self.height, self.alpha = np.zeros(size, np.float32), np.zeros(size, np.float32)

    def capsule(self, a, b, start: float, end: float, lift: float = 0.0):
        """A round bar from a to b (2,), of radius start to end, whose axis is lifted; pixels."""
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        reach = max(start, end) + 1
        low, high = np.minimum(a, b) - reach, np.maximum(a, b) + reach
        left, top = np.clip(np.floor(low), 0, self.alpha.shape[::-1]).astype(int)
        right, bottom = np.clip(np.ceil(high) + 1, 0, self.alpha.shape[::-1]).astype(int)
        if left >= right or top >= bottom:
            return
        box = Box(top, bottom, left, right)
        x, y = box.grid()
        along = b - a
        t = ((x - a[0]) * along[0] + (y - a[1]) * along[1]) * np.float32(1 / max(along @ along, 1e-6))
        t = np.clip(t, 0, 1)
        squared = (x - a[0] - t * along[0]) ** 2 + (y - a[1] - t * along[1]) ** 2
        radius = np.float32(start) + t * np.float32(end - start)
        height = np.sqrt(np.maximum(radius**2 - squared, 0)) + np.float32(lift) * (squared < radius**2)
        part = box.cut(self.height)
        np.maximum(part, height, out=part)
        part = box.cut(self.alpha)
        np.maximum(part, np.clip(radius - np.sqrt(squared) + 0.5, 0, 1), out=part)

    def normals(self, box: Box, smooth: float) -> tuple[np.ndarray, ...]:
        """Unit normals, three (h, w): picture x, picture y, towards the camera; smooth: pixels that joints are
        rounded."""
        height = cv2.GaussianBlur(box.cut(self.height), (0, 0), max(smooth, 0.5))
        x, y = (cv2.Sobel(height, cv2.CV_32F, *way, scale=-0.125) for way in ((1, 0), (0, 1)))
        z = 1 / np.sqrt(x * x + y * y + 1)
        return x * z, y * z, z

    def creases(self, box: Box, radius: float) -> np.ndarray:
        """(h, w, 1) factor: darker where the surface lies lower than what is around it."""
        height = box.cut(self.height)
        lower = (height - cv2.GaussianBlur(height, (0, 0), max(radius, 0.5))) / max(radius, 0.5)
        return np.clip(1 + 0.7 * np.minimum(lower, 0), 0.45, 1)[..., None]


def lambert(normals, light, ambient: float = 0.45, wrap: float = 0.15) -> np.ndarray:
    """(h, w, 1) about 1 towards the light; normals: three (h, w)."""
    cosine = np.clip((_along(normals, light) + wrap) * (1 / (1 + wrap)), 0, 1)
    return (np.float32(ambient) + np.float32(1.15 - ambient) * cosine)[..., None]


def gloss(normals, light, sharpness: float) -> np.ndarray:
    """(h, w, 1) 0..1 highlight of the light; normals: three (h, w)."""
    half = np.asarray(light) + [0, 0, 1]
    return cv2.pow(np.clip(_along(normals, half / np.linalg.norm(half)), 0, 1), sharpness)[..., None]


def _along(normals, way):
    return sum(n * np.float32(w) for n, w in zip(normals, way))
