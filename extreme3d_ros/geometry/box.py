"""The part of an image that is worth work."""

from __future__ import annotations

import numpy as np


def box_of(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold a mask (H, W) bool, with a margin of a pixel where there is one; empty where it is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    height, width = mask.shape
    return (
        slice(max(rows[0] - 1, 0), min(rows[-1] + 2, height)),
        slice(max(columns[0] - 1, 0), min(columns[-1] + 2, width)),
    )
