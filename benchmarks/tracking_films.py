"""Films of heads cut out of pictures that slide past each other, with who is where in every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from skimage import data

from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.detection.region import Pyramid, Region

WIDTH, HEIGHT = 640, 480
#: Pixels along the longer side of a face in its cut-out, and of the cut-out.
_FACE, _CUT = 150, 300
#: Different noises of the background.
_GRAINS = 4


@dataclass(frozen=True)
class Head:
    """A head cut out. image: (300, 300, 3) float32; alpha: (300, 300, 1) 0..1; points: (468, 2) from its middle, in
    sides of the face."""

    image: np.ndarray
    alpha: np.ndarray
    points: np.ndarray


def cut_out(picture: np.ndarray, detection: Detection) -> Head | None:
    """The largest head of a picture (H, W, 3) uint8 BGR; None where there is none."""
    faces = detection(picture)
    if not faces:
        return None
    points = faces[0].points
    (x, y), side = (points.min(0) + points.max(0)) / 2, float(np.ptp(points, axis=0).max())
    image = Pyramid(picture).patch(Region(x + 0.5, y + 0.5, side * _CUT / _FACE), _CUT)
    v, u = (np.mgrid[:_CUT, :_CUT] + 0.5 - _CUT / 2) / _FACE
    alpha = np.clip((1 - np.hypot(u / 0.7, (v + 0.1) / 0.85)) * 20, 0, 1)
    return Head(image.astype(np.float32), alpha[..., None].astype(np.float32), (points - [x, y]) / side)


@dataclass(frozen=True)
class Place:
    """Where a face has its middle, and how long it is; pixels."""

    x: float
    y: float = 240.0
    side: float = 120.0


@dataclass(frozen=True)
class Shot:
    """A frame. image: (480, 640, 3) uint8 BGR; points: (468, 2) of each head; seen: the part of each head's points that
    is in the image and not covered, 0..1."""

    image: np.ndarray
    points: list[np.ndarray]
    seen: list[float]


class Stage:
    """Puts heads before a noisy background, later ones before earlier ones."""

    def __init__(self, seed: int = 0):
        self._rng = np.random.default_rng(seed)
        back = cv2.resize(data.coffee()[..., ::-1], (WIDTH, HEIGHT))
        noise = self._rng.normal(0, 3, (_GRAINS, HEIGHT, WIDTH, 3))
        self._backs = np.clip(back + noise, 0, 255).astype(np.float32)

    def __call__(self, heads: list[Head], places: list[Place | None], board: Place | None = None) -> Shot:
        """One frame. places: None for who is away; board: a plain square before all of them."""
        image, points, covers = self._backs[self._rng.integers(_GRAINS)].copy(), [], []
        for head, place in zip(heads, places):
            place = place or Place(-1000.0)
            covers.append(self._drawn(image, head, place))
            points.append(head.points * place.side + [place.x, place.y])
        if board:
            covers.append(_board(image, board))
        return Shot(image.astype(np.uint8), points, [_seen(each, covers[n + 1 :]) for n, each in enumerate(points)])

    def _drawn(self, image: np.ndarray, head: Head, place: Place) -> np.ndarray:
        """Draws a head, with noise of its own; (H, W) bool, where."""
        scale = place.side / _FACE
        corner = scale * (_CUT - 1) / 2
        to_image = np.array([[scale, 0, place.x - corner], [0, scale, place.y - corner]])
        grain = self._rng.integers(-6, 7, head.image.shape).astype(np.float32)
        noisy = np.clip(head.image + grain, 0, 255)
        alpha, moved = (cv2.warpAffine(part, to_image, (WIDTH, HEIGHT)) for part in (head.alpha, noisy))
        image += alpha[..., None] * (moved - image)
        return alpha > 0.5


def film(stage: Stage, heads: list[Head], frames: list[list[Place | None]], boards=None) -> Iterator[Shot]:
    """The shots of a film, given everyone's place in every frame."""
    for n, places in enumerate(frames):
        yield stage(heads, places, boards[n] if boards else None)


def _board(image: np.ndarray, place: Place) -> np.ndarray:
    covered = np.zeros((HEIGHT, WIDTH), np.uint8)
    low = np.array([place.x, place.y]) - place.side / 2
    cv2.rectangle(covered, low.astype(int).tolist(), (low + place.side).astype(int).tolist(), 1, -1)
    image[covered > 0] = (60, 90, 70)
    return covered > 0


def _seen(points: np.ndarray, covers: list[np.ndarray]) -> float:
    u, v = np.rint(points).astype(int).T
    inside = (u >= 0) & (u < WIDTH) & (v >= 0) & (v < HEIGHT)
    hidden = [cover[v[inside], u[inside]] for cover in covers]
    return float(np.count_nonzero(~np.any(hidden, axis=0)) if hidden else np.count_nonzero(inside)) / len(points)
