"""Mid-level detail of a face: wrinkles and folds where faces have them, as deep as age and expression make them, pores,
lumps and scars; a height over ICT's uv square, and how far its hollows lie open to the sky."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from extreme3d_ros.geometry.normals import vertex_normals
from training.face_model.ict import SKIN_VERTICES, Ict
from training.faces.noise import octaves, smooth_noise

SIZE = 640
#: Metres a pixel of the uv square, about.
_PIXEL = 0.25 / SIZE
#: Half widths of grooves, metres: fine lines, wrinkles, folds.
_FINE, _WRINKLE, _FOLD = 0.5e-3, 1.0e-3, 2.0e-3
#: Breadths over which a hollow's depth is taken for what hides the sky from it, metres.
_HOLLOWS = 1.2e-3, 3.5e-3


@dataclass(frozen=True)
class Detail:
    """height: (SIZE, SIZE, 1) metres along the normal; open: (SIZE, SIZE, 1) 0..1, the part of the sky that is seen,
    both over the uv square."""

    height: np.ndarray
    open: np.ndarray


class FaceDetail:
    """Draws details; holds where on the uv square a place of the neutral face lies."""

    def __init__(self, ict: Ict):
        skin = ict.neutral[:SKIN_VERTICES]
        front = (vertex_normals(ict.neutral, ict.triangles)[:SKIN_VERTICES, 2] > 0.1) & (skin[:, 2] > 0.02)
        self._uv = LinearNDInterpolator(skin[front][:, :2], ict.uv[front])
        self._names = ict.names

    def __call__(self, expression: np.ndarray, rng) -> Detail:
        """expression: (53,) activations."""
        act = _Activity(dict(zip(self._names, expression, strict=True)), rng.beta(1.2, 1.5), rng)
        height = np.zeros((SIZE, SIZE), np.float32)
        for width, lines in ((_FINE, _fine(act)), (_WRINKLE, _wrinkles(act)), (_FOLD, _folds(act))):
            height -= self._grooves(lines, width, rng)
        height += _texture(act.age, rng)
        return Detail(height[..., None], _openness(height, rng)[..., None])

    def _grooves(self, lines, width: float, rng) -> np.ndarray:
        """(SIZE, SIZE) metres of depth: grooves of a half width along lines (points (P, 2) in metres, depth), which
        fade towards their ends, with a swelling beside them."""
        image = np.zeros((SIZE, SIZE), np.float32)
        for points, depth in lines:
            if depth < 0.02e-3:
                continue
            at = self._uv(_wavy(points, rng)) * (SIZE - 1)
            along = np.linspace(0, 1, len(at))
            strength = depth * np.clip(1.6 * np.sin(np.pi * along) ** 0.7, 0, 1) * rng.uniform(0.6, 1.4)
            for a, b, value in zip(at[:-1], at[1:], strength[:-1]):
                if np.isfinite(a + b).all():
                    ends = [tuple(np.rint(p * 16).astype(int).tolist()) for p in (a, b)]
                    cv2.line(image, *ends, float(value), 1, cv2.LINE_8, 4)
        sigma = width / _PIXEL * rng.uniform(0.8, 1.3)
        narrow, broad = (cv2.GaussianBlur(image, (0, 0), s) * (np.sqrt(2 * np.pi) * s) for s in (sigma, 2.5 * sigma))
        return narrow - rng.uniform(0.25, 0.55) * broad


class _Activity:
    """Age 0..1, and how active muscles are, with a person's own share in each."""

    def __init__(self, activations: dict[str, float], age: float, rng):
        self._activations, self.age, self.rng = activations, age, rng

    def of(self, *names: str, side: int = 0) -> float:
        """The strongest of shapes; side: +1 the person's left, -1 the right, 0 either."""
        ends = {1: ("_L",), -1: ("_R",), 0: ("_L", "_R")}[side]
        known = [self._activations.get(name + end, 0.0) for name in names for end in (*ends, "")]
        return float(max(known))

    def depth(self, most: float, active: float, aged: float = 1.0) -> float:
        """Metres: of a groove of at most `most`, when its muscle is `active` (0..1); `aged`: the part that stays."""
        lasting = aged * self.age**1.5
        return most * self.rng.uniform(0.6, 1.5) * float(np.clip(lasting + (0.35 + 0.65 * self.age) * active, 0, 1.3))


def _sides(line, side: int):
    return np.asarray(line) * [side, 1.0]


def _arc(a, b, sag: float, count: int = 18):
    """Points from a to b, bent to the left of the way by sag metres."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    t = np.linspace(0, 1, count)[:, None]
    way = b - a
    across = np.array([-way[1], way[0]]) / max(np.linalg.norm(way), 1e-9)
    return a + t * way + 4 * sag * t * (1 - t) * across


def _wavy(points, rng):
    """Points with a slow wander of a part of a millimetre."""
    steps = rng.normal(0, 1, (len(points), 2)).cumsum(0)
    steps -= np.linspace(0, 1, len(points))[:, None] * steps[-1]
    return points + steps * rng.uniform(0.05e-3, 0.22e-3)


def _wrinkles(act: _Activity) -> list:
    """Forehead, glabella, crow's feet, under the eyes, cheeks, chin."""
    rng, lines = act.rng, []
    raised = act.of("browInnerUp", "browOuterUp")
    for y in np.linspace(0.072, 0.096, rng.integers(2, 6)) + rng.normal(0, 1.5e-3):
        reach = rng.uniform(0.018, 0.045, 2)
        lines.append((_arc([-reach[0], y], [reach[1], y], rng.normal(0.001, 0.002), 30), act.depth(0.9e-3, raised)))
    frown = act.of("browDown")
    for x in rng.choice([-0.008, -0.004, 0.0, 0.004, 0.008], rng.integers(1, 4), replace=False):
        top = [x * rng.uniform(1.0, 1.6), rng.uniform(0.062, 0.074)]
        lines.append((_arc([x, 0.047], top, rng.normal(0, 8e-4)), act.depth(1.1e-3, frown)))
    sneer = act.of("noseSneer")
    for y in (0.030, 0.035):
        lines.append((_arc([-0.008, y], [0.008, y], 0.001), act.depth(0.6e-3, max(sneer, 0.6 * frown), 0.4)))
    for side in (-1, 1):
        lines += _eye_wrinkles(act, side)
        smile = act.of("mouthSmile", "mouthDimple", "mouthStretch", side=side)
        for shift in rng.uniform(0.006, 0.020, rng.integers(0, 3)):
            cheek = _arc([0.030 + shift, -0.008], [0.030 + shift, -0.042], 0.005)
            lines.append((_sides(cheek, side), act.depth(0.8e-3, smile, 0.5)))
    shrug = act.of("mouthShrugLower", "mouthFrown", "mouthPress")
    lines.append((_arc([-0.016, -0.056], [0.016, -0.056], 0.004), act.depth(0.9e-3, shrug, 0.7)))
    return lines


def _eye_wrinkles(act: _Activity, side: int) -> list:
    rng, lines = act.rng, []
    squint = act.of("cheekSquint", "eyeSquint", "mouthSmile", side=side)
    for turn in np.linspace(-0.7, 0.7, rng.integers(2, 6)) + rng.normal(0, 0.1):
        start = np.array([0.049, 0.033 + 0.006 * turn])
        end = start + rng.uniform(0.007, 0.018) * np.array([np.cos(turn), np.sin(turn)])
        lines.append((_sides(_arc(start, end, rng.normal(0, 8e-4), 10), side), act.depth(0.6e-3, squint)))
    for drop in rng.uniform(0.005, 0.013, rng.integers(1, 4)):
        below = _arc([0.018, 0.032 - drop], [rng.uniform(0.038, 0.048), 0.031 - drop], -rng.uniform(0.002, 0.004))
        lines.append((_sides(below, side), act.depth(0.5e-3, squint, 0.9)))
    crease = _arc([0.019, 0.038], [0.048, 0.037], rng.uniform(0.004, 0.006))
    lines.append((_sides(crease, side), rng.uniform(0.0, 0.8e-3)))
    return lines


def _folds(act: _Activity) -> list:
    """Beside nose and mouth, under the eyes."""
    rng, lines = act.rng, []
    for side in (-1, 1):
        smile = act.of("mouthSmile", "noseSneer", "mouthUpperUp", "cheekSquint", "mouthStretch", side=side)
        fold = _arc([0.0165, -0.003], [rng.uniform(0.029, 0.034), rng.uniform(-0.045, -0.034)], rng.uniform(0, 0.004))
        lines.append((_sides(fold, side), act.depth(1.9e-3, smile, 0.8)))
        frown = act.of("mouthFrown", "mouthPress", side=side)
        down = _arc([0.027, -0.039], [rng.uniform(0.027, 0.034), rng.uniform(-0.066, -0.055)], 0.001)
        lines.append((_sides(down, side), act.depth(1.2e-3, frown, 0.8)))
        bag = _arc([0.014, 0.022], [0.036, 0.014], -rng.uniform(0.002, 0.005))
        lines.append((_sides(bag, side), act.depth(1.0e-3, 0.4 * smile, 0.9)))
    return lines


def _fine(act: _Activity) -> list:
    """Lines across the lips and about them, and short ones anywhere on aged skin."""
    rng, lines = act.rng, []
    pucker = act.of("mouthPucker", "mouthFunnel")
    for x in np.arange(-0.018, 0.019, rng.uniform(0.002, 0.004)) + rng.normal(0, 4e-4):
        for low, high, most in ((-0.033, -0.026, 0.25e-3), (-0.043, -0.035, 0.25e-3), (-0.024, -0.017, 0.45e-3)):
            ends = [x, low], [1.05 * x, high + rng.normal(0, 1e-3)]
            aged = 1.0 if most > 0.3e-3 else 0.6
            lines.append((_arc(*ends, 0.0, 6), act.depth(most, pucker, aged)))
    for _ in range(rng.integers(0, 60)):
        start = rng.uniform([-0.055, -0.06], [0.055, 0.09])
        way = rng.normal(0, 1, 2)
        end = start + rng.uniform(0.004, 0.016) * way / np.linalg.norm(way)
        lines.append((_arc(start, end, rng.normal(0, 6e-4), 8), act.depth(0.3e-3, 0.0)))
    return lines


def _texture(age: float, rng) -> np.ndarray:
    """(SIZE, SIZE) metres: lumps of 5 to 25 mm, pores, scars and pimples."""
    square = (SIZE, SIZE)
    lumps = octaves(rng, square, rng.uniform(10, 22), 3, rng.uniform(0.4, 0.6))[..., 0]
    pores = smooth_noise(rng, square, rng.uniform(130, 220))[..., 0]
    height = rng.uniform(0.05e-3, 0.22e-3) * lumps + (0.3 + 0.7 * age) * rng.uniform(0.0, 0.05e-3) * pores
    for _ in range(rng.poisson(3)):
        u, v = rng.uniform([0.2, 0.3], [0.8, 0.9]) * SIZE
        reach = int(rng.uniform(0.8e-3, 2.5e-3) / _PIXEL)
        y, x = np.mgrid[-3 * reach : 3 * reach + 1, -3 * reach : 3 * reach + 1]
        at = np.s_[int(v) - 3 * reach : int(v) + 3 * reach + 1, int(u) - 3 * reach : int(u) + 3 * reach + 1]
        height[at] += rng.choice([-1, 1, 1]) * rng.uniform(0.1e-3, 0.5e-3) * np.exp(-(x * x + y * y) / (2 * reach**2))
    return height


def _openness(height, rng) -> np.ndarray:
    """(SIZE, SIZE) 0..1: a hollow as deep as it is half wide sees sqrt(1/2) of the sky, and light that went to and fro
    in it has lost more."""
    shut, open_ = rng.uniform(0.8, 2.0), np.ones_like(height)
    for breadth in _HOLLOWS:
        depth = np.maximum(cv2.GaussianBlur(height, (0, 0), breadth / _PIXEL) - height, 0)
        open_ /= np.sqrt(1 + (shut * depth / (0.5 * breadth)) ** 2)
    return open_


def bumped(normals: np.ndarray, points: np.ndarray, height: np.ndarray, steepest: float = 1.5) -> np.ndarray:
    """Normals (H, W, 3) of a surface raised along them by height (H, W) metres, all as pixels see them.

    points: (H, W, 3) of the surface. From derivatives along the picture's axes (Mikkelsen, "Bump mapping unparametrized
    surfaces on the GPU", 2010); where the surface breaks off, nothing is changed.
    """
    along_x, along_y = (_derivative(points, axis) for axis in (1, 0))
    slope_x, slope_y = (_derivative(height[..., None], axis)[..., 0] for axis in (1, 0))
    across_y, across_x = np.cross(along_y, normals), np.cross(normals, along_x)
    area = np.sum(along_x * across_y, axis=2)
    gradient = slope_x[..., None] * across_y + slope_y[..., None] * across_x
    gradient /= np.where(np.abs(area) < 1e-12, np.inf, area)[..., None]
    size = np.linalg.norm(gradient, axis=2, keepdims=True)
    breaks = np.maximum(
        *(
            np.abs(way[..., 2:]) / np.linalg.norm(way[..., :2], axis=2, keepdims=True).clip(1e-9)
            for way in (along_x, along_y)
        )
    )
    gradient *= np.minimum(1, steepest / np.maximum(size, 1e-9)) * (breaks < 6)
    raised = normals - gradient
    return raised / np.linalg.norm(raised, axis=2, keepdims=True).clip(1e-6)


def _derivative(image, axis: int):
    """Central differences a pixel (H, W, C)."""
    padded = np.concatenate([image.take([0], axis), image, image.take([-1], axis)], axis)
    count = image.shape[axis]
    return 0.5 * (padded.take(range(2, count + 2), axis) - padded.take(range(count), axis))
