"""Directions as angles, in the model's frame: x to the person's left, y up, z out of the face."""

from __future__ import annotations

import numpy as np


def yaw_and_pitch(directions: np.ndarray) -> np.ndarray:
    """(..., 2) radians of directions (..., 3) of any length: 0 from the front, positive from the person's left and from
    above."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1)
