"""Square, possibly turned parts of an image, and the image seen through them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

#: Side of what the mesh network wants to see, in those of the box about the face.
MARGIN = 1.5


@dataclass(frozen=True)
class Region:
    """A square of an image. x, y: centre; side: both in pixels, counted from the image's corner (the first pixel's
    centre is 0.5, MediaPipe's way); angle: radians by which its x axis is turned towards y."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_image(self, size: int) -> np.ndarray:
        """(2, 3): coordinates in the region, 0..size along each side, to the image's."""
        turn = self.side / size * turned_by(self.angle)
        return np.column_stack([turn, np.array([self.x, self.y]) - turn @ [size / 2, size / 2]])

    def off(self, other: Region) -> float:
        """How differently two regions show a face: shift in sides of the other, plus 0.4 times log of the sides' ratio
        and radians of turn; the mesh network's points suffer alike from equal amounts of the three."""
        turn = (self.angle - other.angle + np.pi) % (2 * np.pi) - np.pi
        shift = np.hypot(self.x - other.x, self.y - other.y) / other.side
        return float(shift + 0.4 * abs(np.log(self.side / other.side)) + 0.4 * abs(turn))

    def place(self, points: np.ndarray, size: int) -> np.ndarray:
        """Points (N, 2) in 0..size along the region's sides to the image."""
        to_image = self.to_image(size)
        return points @ to_image[:, :2].T + to_image[:, 2]


def turned_by(angle: float) -> np.ndarray:
    """(2, 2): turns columns by an angle, radians from x towards y."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def level_box(points: np.ndarray, across: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The box about points (N, 2) whose x axis runs along `across` (2,): its angle, middle (2,) and sizes (2,)."""
    angle = float(np.arctan2(across[1], across[0]))
    turn = turned_by(angle)
    placed = points @ turn
    low, high = placed.min(0), placed.max(0)
    return angle, turn @ (low + high) / 2, high - low


class Tones:
    """The bytes 0..255 as a network wants them: `scale` times the byte, plus `offset`."""

    def __init__(self, scale: float, offset: float = 0.0):
        self._table = np.arange(256, dtype=np.float32) * np.float32(scale) + np.float32(offset)

    def __call__(self, patch: np.ndarray) -> np.ndarray:
        """A patch (H, W, 3) uint8 BGR as a network's input (1, H, W, 3) float32 RGB; by table, a third of the time."""
        return cv2.LUT(cv2.cvtColor(patch, cv2.COLOR_BGR2RGB), self._table)[None]


class Pyramid:
    """An image (H, W, 3) uint8 and its halves, made when needed: patches are cut from the level of their resolution."""

    def __init__(self, image: np.ndarray):
        self.height, self.width = image.shape[:2]
        self._levels = [image]

    @property
    def whole(self) -> Region:
        """The image, letterboxed to a square."""
        return Region(self.width / 2, self.height / 2, float(max(self.width, self.height)))

    def patch(self, region: Region, size: int, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """The region as (size, size, 3) uint8."""
        level = max(int(np.log2(max(region.side / size, 1.0) * 1.01)), 0)
        image = self._level(level)
        step = np.array([image.shape[1] / self.width, image.shape[0] / self.height])
        to_image = region.to_image(size) * step[:, None]
        return cv2.warpAffine(
            image, to_image, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border
        )

    def _level(self, level: int) -> np.ndarray:
        while len(self._levels) <= level:
            last = self._levels[-1]
            half = (max(last.shape[1] // 2, 1), max(last.shape[0] // 2, 1))
            self._levels.append(cv2.resize(last, half, interpolation=cv2.INTER_AREA))
        return self._levels[level]
