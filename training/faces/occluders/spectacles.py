"""Glasses and sunglasses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.faces.noise import smooth_noise
from training.faces.occluders.layers import Layer, box_of, canvas, cloth_color, fill, plain, soft, stroke
from training.faces.occluders.place import Look, Place

_TINTS = np.array(
    [[0.02, 0.02, 0.02], [0.05, 0.03, 0.015], [0.02, 0.035, 0.02], [0.015, 0.025, 0.06], [0.06, 0.02, 0.03]]
)


@dataclass(frozen=True)
class _Frame:
    """In pixels: outlines: two (P, 2) of the lenses; bridge, temples, pads: lines (P, 2)."""

    outlines: list
    bridge: list
    temples: list
    pads: list


def glasses(place: Place, look: Look, rng):
    """Clear lenses: only frame, temples and strong glare hide anything."""
    frame, rims = _frame(place, rng, False), _Rims(place, look, rng, thin=rng.random() < 0.5)
    glare = rng.uniform(0.55, 0.95) if rng.random() < 0.12 else rng.uniform(0.02, 0.2)
    streaks = _streaks(place, rng)
    sky = look.level * rng.uniform(0.5, 1.4) * (1 + rng.normal(0, 0.08, 3))

    def draw(size):
        some = _scaled(frame, size)
        lenses = _lenses(place, some)
        return [Layer(lenses * glare * streaks, plain(sky), 0.0), *rims.layers(some)]

    return draw


def sunglasses(place: Place, look: Look, rng):
    """Dark, tinted, graded or mirroring lenses."""
    frame, rims = _frame(place, rng, True), _Rims(place, look, rng, thin=rng.random() < 0.45)
    below = rng.uniform(0.55, 1.0)
    above = rng.uniform(max(below, 0.8), 1.0)
    tint = _TINTS[rng.integers(len(_TINTS))] * rng.uniform(0.3, 2.0) * look.level
    mirror = rng.uniform(0.4, 1.0) if rng.random() < 0.25 else rng.uniform(0.0, 0.12)
    sky, ground = _reflected(rng) * look.level
    streaks = _streaks(place, rng) * (rng.uniform(0.1, 0.8) if rng.random() < 0.5 else 0.0)

    def draw(size):
        some = _scaled(frame, size)
        lenses = _lenses(place, some)
        box = box_of(lenses)
        if box is None:
            return rims.layers(some)
        x, y = box.grid()
        down = np.zeros(place.size, np.float32)
        box.cut(down)[:] = np.clip((y - box.top) / max(box.size[0], 1), 0, 1)

        def paint(part):
            horizon = 0.5 + 0.08 * smooth_noise(rng, part.size, 5)[..., 0]
            amount = np.clip((part.cut(down) - horizon) * 6 + 0.5, 0, 1)[..., None]
            reflected = (sky + amount * (ground - sky)) * np.exp(0.25 * smooth_noise(rng, part.size, 9))
            color = tint + mirror * (reflected - tint) + 0.02 * look.level * (1 - part.cut(down))[..., None]
            return color + part.cut(streaks)[..., None] * (1.2 * look.level - color)

        shift = look.towards(0.05 * place.unit) + [0, 0.05 * place.unit]
        alpha = lenses * (above + (below - above) * down)
        return [Layer(alpha, paint, 0.4, 0.05 * place.unit, shift), *rims.layers(some)]

    return draw


class _Rims:
    """What frame and temples are made of."""

    def __init__(self, place: Place, look: Look, rng, thin: bool):
        self.place, self.look, self.rng = place, look, rng
        self.width = place.unit * (rng.uniform(0.012, 0.022) if thin else rng.uniform(0.022, 0.055))
        metal = np.array([[0.5, 0.5, 0.52], [0.55, 0.42, 0.2], [0.1, 0.1, 0.1]])[rng.integers(3)]
        dark = rng.uniform(0.005, 0.04, 3) if rng.random() < 0.75 else cloth_color(rng)
        self.color = (metal if thin else dark) * look.level
        self.rimless = rng.random() < (0.2 if thin else 0.05)
        self.half = not self.rimless and rng.random() < 0.12
        self.mottled = 0.5 if not thin and rng.random() < 0.2 else 0.05
        self.pads = thin and rng.random() < 0.8
        self.blur = rng.uniform(0.35, 0.7)

    def layers(self, frame: _Frame) -> list[Layer]:
        drawn = canvas(self.place.size)
        for outline in frame.outlines:
            if self.half:
                upper = outline[:, 1] <= np.percentile(outline[:, 1], 60)
                start = int(np.argmax(~upper))
                outline, upper = np.roll(outline, -start, 0), np.roll(upper, -start)
                stroke(drawn, outline[upper], self.width)
            elif not self.rimless:
                stroke(drawn, outline, self.width, closed=True)
        for line in frame.bridge:
            stroke(drawn, line, self.width)
        for line in frame.temples:
            stroke(drawn, line, max(1.1 * self.width, 0.03 * self.place.unit))
        layers = [Layer(soft(drawn, self.blur), self._paint, 0.3, 0.02 * self.place.unit, self._shift())]
        if self.pads:
            pads = canvas(self.place.size)
            for line in frame.pads:
                stroke(pads, line, 0.03 * self.place.unit)
            layers.insert(0, Layer(0.45 * soft(pads), self._paint, 0.0))
        return layers

    def _shift(self):
        return self.look.towards(0.04 * self.place.unit) + [0, 0.03 * self.place.unit]

    def _paint(self, box):
        uneven = np.exp(self.mottled * smooth_noise(self.rng, box.size, 14))
        shine = np.clip(smooth_noise(self.rng, box.size, 10) - 1.2, 0, 1) * 0.3 * self.look.level
        return self.color * uneven + shine


def _frame(place: Place, rng, dark: bool) -> _Frame:
    """A random shape before the eyes."""
    shape = str(rng.choice(["round", "rectangle", "aviator", "wrap", "cat"], p=_CHANCES[dark]))
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    power = {"round": 2.0, "rectangle": rng.uniform(3, 6), "aviator": 2.4, "wrap": 3.5, "cat": 2.6}[shape]
    x, y = (np.sign(f(angle)) * np.abs(f(angle)) ** (2 / power) for f in (np.cos, np.sin))
    outward = 0.5 + 0.5 * x  # 0 at the nose, 1 at the temple
    wide, tall = rng.uniform(0.024, 0.031), rng.uniform(0.016, 0.023)
    if shape == "round":
        tall = wide * rng.uniform(0.85, 1.0)
    elif shape == "aviator":
        wide, tall = rng.uniform(0.027, 0.032), rng.uniform(0.022, 0.027)
        y = np.where(y < 0, y * (0.75 + 0.45 * outward), y * 0.85)
    elif shape == "wrap":
        wide, y = rng.uniform(0.031, 0.035), y * (1.15 - 0.45 * outward)
    elif shape == "cat":
        y = y + np.where(y > 0, 0.3 * outward**2, 0)
    points = np.column_stack([x * wide, y * tall])
    bow = rng.uniform(5, 9) if shape == "wrap" else rng.uniform(1.5, 4)
    ahead, lower = rng.uniform(0.008, 0.016), rng.uniform(-0.002, 0.006) + (0.01 if rng.random() < 0.1 else 0.0)
    return _on_head(place, points, wide, tall, bow, ahead, lower)


#: How frequent the shapes are where the lenses are clear, and where they are dark.
_CHANCES = {False: [0.3, 0.45, 0.1, 0.02, 0.13], True: [0.2, 0.3, 0.2, 0.15, 0.15]}


def _on_head(place: Place, points, wide, tall, bow, ahead, lower) -> _Frame:
    """points: (P, 2) of the left lens about its middle, metres."""
    head, outlines, temples, pads, inner = place.head, [], [], [], []
    for side, eye, ear in ((-1, head[36:42], head[0]), (1, head[42:48], head[16])):
        middle = eye.mean(0)
        middle = np.array([side * max(abs(middle[0]), wide + 0.006), middle[1] - lower, head[27, 2] + ahead - 0.004])

        def at(x, y, middle=middle, side=side):
            x = middle[0] + side * np.asarray(x, float)
            y = middle[1] + np.asarray(y, float) + 0 * x
            return np.stack([x, y, middle[2] - bow * x**2], -1)

        outlines.append(place.project(at(points[:, 0], points[:, 1])))
        inner.append(at(-wide * 0.97, 0.25 * tall))
        nose = at(-wide * 0.95, -0.2 * tall)
        pads.append(place.project([nose, nose + [-side * 0.002, -0.007, -0.006]]))
        if side * place.view.R[2, 0] < 0.1:
            hinge, high = at(wide * 0.98, 0.45 * tall), middle[1] + 0.45 * tall
            x = max(abs(ear[0]) * 1.07, abs(hinge[0]))
            knee = np.array([side * x, high, hinge[2] - 0.012])
            temples.append(place.project([hinge, knee, [side * x, high + 0.002, 0.015]]))
    arch = (inner[0] + inner[1]) / 2 + [0, 0.003, 0.002]
    return _Frame(outlines, [place.project([inner[0], arch, inner[1]])], temples, pads)


def _scaled(frame: _Frame, size: float) -> _Frame:
    """The lenses grow about each one's middle, what joins them stays."""
    middle = np.concatenate(frame.outlines).mean(0)
    lines = ([middle + size * (line - middle) for line in part] for part in vars(frame).values())
    return _Frame(*lines)


def _lenses(place: Place, frame: _Frame):
    drawn = canvas(place.size)
    for outline in frame.outlines:
        fill(drawn, outline)
    return soft(drawn, 0.4)


def _streaks(place: Place, rng) -> np.ndarray:
    """(H, W) 0..1 slanted bright bands and patches."""
    height, width = place.size
    angle, period = rng.uniform(0, np.pi), place.unit * rng.uniform(0.3, 1.2)
    x = np.arange(width, dtype=np.float32)[None] * (np.cos(angle) / period)
    y = np.arange(height, dtype=np.float32)[:, None] * (np.sin(angle) / period)
    phase, sharp = rng.uniform(0, 2 * np.pi), rng.uniform(2, 10)
    bands = np.clip((np.sin(2 * np.pi * (x + y) + phase) - rng.uniform(0.2, 0.9)) * sharp, 0, 1)
    bands *= np.clip(0.6 + 0.6 * smooth_noise(rng, place.size, 8)[..., 0], 0, 1)
    return cv2.GaussianBlur(bands, (0, 0), 1.0)


def _reflected(rng) -> np.ndarray:
    """(2, 3) colours of sky and ground, or of any two things a mirror is tinted by."""
    if rng.random() < 0.5:
        return np.array([[0.5, 0.65, 0.9], [0.2, 0.17, 0.12]]) * rng.uniform(0.5, 1.3, (2, 1))
    return rng.random((2, 3)) ** 1.5
