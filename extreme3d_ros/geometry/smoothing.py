"""Images where something is known in parts: means over them, and weights that rise from their ends."""

from __future__ import annotations

import cv2
import numpy as np

#: A mean this many pixels wide is made at half of the size, one twice as wide at a fourth.
_SMOOTH = 6.0


def rising(mask: np.ndarray, width: float) -> np.ndarray:
    """(H, W) float32: 0 off a mask (H, W) bool, rising to 1 `width` pixels inside."""
    if not mask.size:
        return np.zeros(mask.shape, np.float32)
    return np.minimum(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) / width, 1)


def smoothstep(t: np.ndarray) -> np.ndarray:
    """0 to 1 for t from 0 to 1, level at both ends."""
    return t * t * (3 - 2 * t)


def smooth_over(image: np.ndarray, mask: np.ndarray, sigma: float, border: int = cv2.BORDER_DEFAULT) -> np.ndarray:
    """Gaussian mean of an image (H, W[, C]) over a mask's pixels (H, W) bool: (H, W[, C]) float32, 0 far off the mask.

    What the image holds off the mask doesn't count. border: OpenCV's, how mask and image go on beyond their ends.
    """
    shrunk = 4 if sigma >= 2 * _SMOOTH else 2 if sigma >= _SMOOTH else 1
    channels = np.atleast_3d(image)
    height, width = mask.shape
    stacked: np.ndarray = np.zeros((height, width, channels.shape[2] + 1), np.float32)
    np.copyto(stacked[..., :-1], channels, where=mask[..., None], casting="same_kind")
    stacked[..., -1] = mask
    if shrunk > 1:
        stacked = cv2.resize(stacked, (-(-width // shrunk), -(-height // shrunk)), interpolation=cv2.INTER_AREA)
    stacked = cv2.GaussianBlur(stacked, (0, 0), sigma / shrunk, borderType=border)
    mean = stacked[..., :-1] / (stacked[..., -1:] + 1e-6)
    mean = cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR) if shrunk > 1 else mean
    return mean.reshape(image.shape)
