"""MediaPipe's single-shot face detectors (BlazeFace): an image's part in, boxes with six points out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.stages.detection.networks import Network, network_file
from extreme3d_ros.stages.detection.region import MARGIN, Pyramid, Region, Tones

#: Two boxes whose intersection over union is above this are the same face.
_SAME = 0.3
_TONES = Tones(1 / 127.5, -1)


@dataclass(frozen=True)
class Box:
    """A detector's find, in pixels from the image's corner.

    score: 0..1; centre: (2,); side: the longer one; points: (6, 2) right and left eye, nose, mouth, right and left ear.
    """

    score: float
    centre: np.ndarray
    side: float
    points: np.ndarray

    @property
    def region(self) -> Region:
        """What the mesh network wants to see: the box half as large again, turned until the eyes are level."""
        across = self.points[1] - self.points[0]
        x, y = map(float, self.centre)
        return Region(x, y, MARGIN * self.side, float(np.arctan2(across[1], across[0])))

    def same_place(self, other: Box) -> bool:
        """Whether two boxes may be of one face: near, and of similar size."""
        apart = np.hypot(*(self.centre - other.centre))
        return bool(apart < 0.45 * other.side and 0.5 < self.side / other.side < 1.8)


class BoxDetector:
    """One detector. file: below MediaPipe's modules; size: of its square input; anchors: (A, 2) centres in 0..1."""

    def __init__(self, file: str, size: int, anchors: np.ndarray):
        self._network = Network(network_file(file))
        self._size = size
        self.anchors = anchors

    def __call__(self, image: Pyramid, region: Region, least: float) -> list[Box]:
        """The faces of a region (BGR image), best first, down to a score of `least`."""
        patch = image.patch(region, self._size, cv2.BORDER_CONSTANT)
        raw, logits = self._network(_TONES(patch))
        logits = logits.ravel()
        kept = np.flatnonzero(logits > np.log(least / (1 - least)))
        if not len(kept):
            return []
        scores = 1 / (1 + np.exp(-np.clip(logits[kept], -80, 80)))
        values = raw[0, kept].reshape(-1, 8, 2).astype(np.float64)  # centre, size, six points
        values /= self._size
        values[:, [0, 2, 3, 4, 5, 6, 7]] += self.anchors[kept, None]
        return [self._box(region, *found) for found in _merged(values, scores)]

    def _box(self, region: Region, values: np.ndarray, score: float) -> Box:
        placed = region.place(values * self._size, self._size)
        return Box(score, placed[0], float(values[1].max()) * region.side, placed[2:])


def short_range() -> BoxDetector:
    """The detector of faces that fill a good part of the image; about a millisecond."""
    anchors = np.concatenate([_grid(16, 2), _grid(8, 6)])  # strides 8, 16, 16, 16 of 128 pixels, two boxes each
    return BoxDetector("face_detection/face_detection_short_range.tflite", 128, anchors)


def full_range() -> BoxDetector:
    """The detector of smaller faces, better with turned ones; about three milliseconds."""
    return BoxDetector("face_detection/face_detection_full_range_sparse.tflite", 192, _grid(48, 1))


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """How much of the smaller of two boxes (x, y, w, h) lies in the other one, 0..1."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0.0) * max(h, 0.0) / max(min(a[2] * a[3], b[2] * b[3]), 1e-9)


def _grid(cells: int, each: int) -> np.ndarray:
    """(cells * cells * each, 2) centres x, y of a grid's cells in 0..1, row by row."""
    y, x = np.mgrid[:cells, :cells]
    return np.repeat(np.column_stack([x.ravel(), y.ravel()]), each, axis=0) / cells + 0.5 / cells


def _merged(values: np.ndarray, scores: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """(values (8, 2), score) of each face: boxes that overlap a better one, averaged by their scores."""
    left = np.argsort(-scores)
    while len(left):
        same = _overlaps(values[left[0]], values[left]) > _SAME
        same[0] = True
        group = left[same]
        yield np.average(values[group], axis=0, weights=scores[group]), float(scores[left[0]])
        left = left[~same]


def _overlaps(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of a box (8, 2) with boxes (N, 8, 2): rows centre, size, .."""
    low = np.maximum(one[0] - one[1] / 2, many[:, 0] - many[:, 1] / 2)
    high = np.minimum(one[0] + one[1] / 2, many[:, 0] + many[:, 1] / 2)
    common = np.clip(high - low, 0, None).prod(1)
    return common / np.maximum(one[1].prod() + many[:, 1].prod(1) - common, 1e-12)
