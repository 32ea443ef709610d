"""Where the face is in the picture, and how the picture looks there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.camera import Camera
from training.face_model.render import View
from training.faces.hair import hair_color

#: Where hair usually is, metres in the head's frame.
_SCALP = np.array([[0.0, 0.13, 0.065], [0.045, 0.115, 0.065], [-0.045, 0.115, 0.065], [0.075, 0.09, 0.02]])


@dataclass(frozen=True)
class Place:
    """Where a face is in the picture. points: (68, 2) pixels of the standard points; head: (68, 3) the same in the
    head's frame, metres; view; size: (height, width); unit: pixels between the outer eye corners, were the face turned
    to the camera."""

    points: np.ndarray
    head: np.ndarray
    view: View
    size: tuple[int, int]
    unit: float

    def sees(self, side: int) -> bool:
        """Whether the head's left (+1) or right (-1) side is seen."""
        return side * self.view.R[2, 0] < 0.25

    def project(self, head_points) -> np.ndarray:
        """Points (P, 3) of the head's frame to pixels."""
        return self.view.camera.project(self.view.place(np.asarray(head_points)))

    def scaled(self, scale: float) -> Place:
        """The place in a smaller picture."""
        height, width = (int(round(scale * side)) for side in self.size)
        K = self.view.camera.K * np.array([[scale], [scale], [1.0]])
        view = View(self.view.R, self.view.t, Camera(K, width, height))
        return Place(self.points * scale, self.head, view, (height, width), self.unit * scale)


@dataclass(frozen=True)
class Look:
    """tone: (3,) the face's linear colour as lit; level: brightness of the light, 1 usual; light: (3,) unit direction
    to the light, picture x, picture y, towards the camera; hair: (3,) linear colour of hair."""

    tone: np.ndarray
    level: float
    light: np.ndarray
    hair: np.ndarray

    def towards(self, pixels: float) -> np.ndarray:
        """(2,) shift of a shadow cast from that far before the face, pixels."""
        return -self.light[:2] * pixels


def place_of(points_head: np.ndarray, view: View) -> Place:
    """points_head: (68, 3) standard points in the head's frame."""
    placed = view.place(points_head)
    unit = 0.09 * view.camera.K[0, 0] / float(placed[:, 2].mean())
    size = (view.camera.height, view.camera.width)
    return Place(view.camera.project(placed), points_head, view, size, unit)


def look_of(picture: np.ndarray, face: np.ndarray, place: Place, rng) -> Look:
    """picture: (H, W, 3) linear; face: (H, W) bool."""
    y, x = np.nonzero(face[::4, ::4])
    if len(x) < 8:
        return Look(np.array([0.35, 0.22, 0.16]), 1.0, np.array([0.0, -0.5, 0.87]), hair_color(rng))
    colors = picture[::4, ::4][y, x]
    tone = np.median(colors, axis=0)
    grey = np.log(colors.mean(1) + 0.02)
    x, y = (4 * (v - v.mean()) / place.unit for v in (x, y))
    slopes = [float(np.clip(1.2 * (v @ (grey - grey.mean())) / max(v @ v, 1e-6), -0.9, 0.9)) for v in (x, y)]
    light = np.array([slopes[0], 0.4 * slopes[1] - 0.4, 0.8]) + rng.normal(0, 0.12, 3)
    light /= np.linalg.norm(light)
    level = float(np.clip((tone.mean() / 0.22) ** 0.6, 0.3, 2.5))
    return Look(tone, level, light, _hair_of(picture, place, tone, level, rng))


def _hair_of(picture, place: Place, tone, level, rng):
    """The colour the hair seems to have in the picture, mostly."""
    spots = np.rint(place.project(_SCALP)).astype(int)
    inside = (spots >= 2).all(1) & (spots < np.array(place.size[::-1]) - 2).all(1)
    if not inside.any() or rng.random() < 0.12:
        return hair_color(rng) * level
    color = np.median([picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0) for x, y in spots[inside]], axis=0)
    tinge = np.abs(color / (color.sum() + 1e-6) - tone / (tone.sum() + 1e-6)).max()
    bald = tinge < 0.06 and color.mean() > 0.45 * tone.mean()
    return hair_color(rng) * level if bald else color
