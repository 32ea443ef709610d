"""What stands behind the head: a blurred wall or room, and shoulders."""

from __future__ import annotations

import cv2
import numpy as np

from training.face_model.render import View
from training.faces.noise import random_texture

#: Half of a bust's outline in the head's frame: neck, shoulder, arm (x, y), metres.
_BUST = np.array([[0.045, -0.10], [0.065, -0.135], [0.13, -0.155], [0.20, -0.19], [0.24, -0.26], [0.26, -0.60]])


def background(rng, view: View) -> np.ndarray:
    """Linear RGB (H, W, 3) float32: textures laid over one another, out of focus, and a bust in plain or patterned
    cloth."""
    size = (view.camera.height, view.camera.width)
    half = (size[0] // 2 + 1, size[1] // 2 + 1)
    picture = random_texture(rng, half)
    for _ in range(rng.integers(0, 3)):
        mask = _polygon(rng, half, rng.uniform(0.2, 0.8, 2) * half[::-1], 0.5 * max(half))
        picture = np.where(mask[..., None] > 0, random_texture(rng, half), picture)
    picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), np.exp(rng.uniform(np.log(0.7), np.log(12.0))))
    picture = cv2.resize(picture * rng.uniform(0.3, 1.5), size[::-1])
    bust = _bust(rng, view)
    cloth = random_texture(rng, size) * rng.uniform(0.2, 1.0)
    return np.where(bust[..., None] > 0, cloth, picture).astype(np.float32)


def star(rng, radius: float) -> np.ndarray:
    """(P, 2) the corners of a star-shaped polygon about (0, 0)."""
    corners = rng.integers(3, 12)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = radius * rng.uniform(0.45, 1.3, corners)
    return reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def _polygon(rng, size, centre, radius: float) -> np.ndarray:
    """(H, W) uint8 mask, 1 in a star-shaped polygon about centre (x, y); radius in pixels."""
    points = np.asarray(centre) + star(rng, radius)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask


def _bust(rng, view: View):
    """(H, W) uint8; the body turns half as far as the head, and stays upright."""
    outline = _BUST * rng.uniform(0.9, 1.15, 2)
    outline = np.concatenate([outline, outline[::-1] * [-1, 1]])
    points = np.column_stack([outline, np.full(len(outline), -0.02)])
    upright = np.diag([1.0, -1.0, -1.0])
    placed = points @ (0.5 * (upright + view.R)).T + view.t
    mask = np.zeros((view.camera.height, view.camera.width), np.uint8)
    if (placed[:, 2] > 0.05).all():
        corners = np.clip(view.camera.project(placed), -4000, 4000)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    return mask
