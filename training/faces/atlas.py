"""What is painted where on ICT's skin, as images over its uv square: made once, looked up for every pixel."""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.raster import rasterize
from training.face_model.ict import SKIN_VERTICES, Ict, nostril_distance
from training.face_model.render import HeadPainter, soft_inside
from training.face_model.skin import within_outline

SIZE = 512
#: The channels. Distances in metres on the neutral head, but NOSTRIL and FACE in units of the uv square.
BROW, OUTWARDS, LASH, LIP, INNER_LIP, NOSTRIL, BEARD, FACE = range(8)
#: Half the width of the face at heights where the beard begins: (|x|, y) on the neutral head, metres.
_BEARD_LINE = np.array([[0.0, -0.010], [0.018, -0.014], [0.034, -0.034], [0.055, -0.026], [0.068, 0.0], [0.08, 0.03]])


class Atlas:
    """fields: (SIZE, SIZE, 8) float32, by the channels above; FACE is below 1 within the face model's outline."""

    def __init__(self, ict: Ict, painter: HeadPainter):
        place, uv = _unwrapped(ict)
        fields = np.zeros((SIZE * SIZE, 8), np.float32)
        far = 0.03
        fields[:, BROW] = np.minimum(painter.brow.query(place, distance_upper_bound=far)[0], far)
        fields[:, OUTWARDS] = np.clip(np.interp(np.abs(place[:, 0]), painter.brow_ends, (0.0, 1.0)), 0.0, 1.0)
        fields[:, LASH] = np.minimum(painter.lashes.query(place, distance_upper_bound=far)[0], far)
        fields[:, LIP] = soft_inside(uv, painter.lips, 0.006)
        fields[:, INNER_LIP] = soft_inside(uv, painter.inner_lips, 0.004)
        fields[:, NOSTRIL] = nostril_distance(uv)
        line = np.interp(np.abs(place[:, 0]), *_BEARD_LINE.T)
        fields[:, BEARD] = np.clip((line - place[:, 1]) / 0.012 + 0.3, 0, 1) * (place[:, 1] > -0.095)
        fields[:, BEARD] *= np.clip((place[:, 2] - 0.02) / 0.02, 0, 1) * (1 - fields[:, LIP])
        fields[:, FACE] = within_outline(uv)
        self.fields = fields.reshape(SIZE, SIZE, 8)

    def at(self, uv: np.ndarray) -> np.ndarray:
        """The fields (P, 8) at places uv (P, 2)."""
        parts = [look_up(self.fields[..., i : i + 4], uv) for i in (0, 4)]
        return np.concatenate(parts, axis=1)


def look_up(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Values (P, C) of a square image (S, S, C) over the uv square at places uv (P, 2), bilinear."""
    at = np.ascontiguousarray(uv * np.float32(len(image) - 1), np.float32)
    # OpenCV's maps are limited to 32767 in either direction.
    rows = -(-len(at) // 256)
    grid = np.zeros((rows * 256, 2), np.float32)
    grid[: len(at)] = at
    grid = grid.reshape(rows, 256, 2)
    found = cv2.remap(image, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(rows * 256, -1)[: len(at)]


def _unwrapped(ict: Ict):
    """The neutral head's points (SIZE^2, 3) at the atlas' pixels (the nearest vertex' off the skin), and their uv."""
    triangles = ict.skin_triangles
    # Triangles across a seam would be smeared over the whole square.
    triangles = triangles[np.ptp(ict.uv[triangles], axis=1).max(1) < 0.1].astype(np.int32)
    flat = np.column_stack([ict.uv * (SIZE - 1), np.ones(len(ict.uv))])
    raster = rasterize(flat, triangles, Camera(np.eye(3), SIZE, SIZE))
    place = raster.interpolate(triangles, ict.neutral[:SKIN_VERTICES])
    hole = (~raster.covered).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(hole, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    first = np.zeros(labels.max() + 1, np.int64)
    inside = np.flatnonzero(raster.covered.ravel())
    first[labels.ravel()[inside]] = inside
    place = place.reshape(-1, 3)[first[labels.ravel()]]
    y, x = np.mgrid[:SIZE, :SIZE]
    return place, np.stack([x, y], axis=-1).reshape(-1, 2) / (SIZE - 1)
