"""Anything else: boxes, polygons, blobs, paper and books, leaves."""

from __future__ import annotations

import cv2
import numpy as np

from training.faces.noise import random_texture
from training.faces.occluders.held import blob
from training.faces.occluders.layers import Layer, canvas, cloth_color, curve, fill, grain, rounded, soft, stroke
from training.faces.occluders.place import Look, Place
from training.faces.scene import star


def thing(place: Place, look: Look, rng):
    """A polygon, a box, a blob, paper or leaves, in focus or not."""
    kinds = (_polygon, _box, _blob, _paper, _leaves)
    return kinds[rng.choice(5, p=[0.2, 0.2, 0.2, 0.22, 0.18])](place, look, rng)


def _textured(place: Place, look: Look, rng, shape):
    """A draw function of shape: size to (H, W) uint8."""
    blur, rim, sharp = rng.uniform(0.4, 2.0), rng.uniform(1, 60), rng.uniform(0.4, 3)
    bright = rng.uniform(0.6, 1.2) * look.level

    def draw(size):
        alpha = soft(shape(size), blur)

        def paint(box):
            texture = cv2.GaussianBlur(random_texture(rng, box.size), (0, 0), sharp)
            return texture.reshape(*box.size, 3) * bright * rounded(box.cut(alpha), rim)

        return [Layer(alpha, paint, 0.4, 0.05 * place.unit, look.towards(0.08 * place.unit))]

    return draw


def _filled(place: Place, points):
    drawn = canvas(place.size)
    fill(drawn, points)
    return drawn


def _polygon(place: Place, look: Look, rng):
    at, outline = place.points[rng.integers(0, 68)], star(rng, 0.7 * place.unit)
    return _textured(place, look, rng, lambda size: _filled(place, at + size * outline))


def _corners(rng, sides):
    """(4, 2) of a turned rectangle, sides as halves."""
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides @ turn


def _box(place: Place, look: Look, rng):
    at, corners = place.points[rng.integers(0, 68)], _corners(rng, rng.uniform(0.3, 0.9, 2)) * place.unit
    return _textured(place, look, rng, lambda size: _filled(place, at + size * corners))


def _blob(place: Place, look: Look, rng):
    at, radii, turn = place.points[rng.integers(0, 68)], rng.uniform(0.3, 0.9, 2) * place.unit, rng.uniform(0, np.pi)
    seed = int(rng.integers(2**31))
    shape = lambda size: blob(place.size, at, radii * size, turn, np.random.default_rng(seed))  # noqa: E731
    return _textured(place, look, rng, shape)


def _paper(place: Place, look: Look, rng):
    """Paper or a book's cover with lines of text, cards; mostly it comes from below."""
    edge = place.points[rng.choice([8, 57, 33, 5, 11, 2, 14, 41, 46])]
    half, turn = rng.uniform(0.6, 1.3, 2) * place.unit, rng.normal(0, 0.35)
    down, side = np.array([-np.sin(turn), np.cos(turn)]), np.array([np.cos(turn), np.sin(turn)])
    paper = np.full(3, rng.uniform(0.55, 0.85)) * (1 + rng.normal(0, 0.04, 3))
    color = paper if rng.random() < 0.65 else cloth_color(rng)
    ink = np.full(3, 0.03) if rng.random() < 0.7 else cloth_color(rng)
    lines, width = rng.integers(0, 14), rng.uniform(0.02, 0.08)
    ends, blur = rng.uniform(0.2, 0.95, (16, 2)), rng.uniform(0.4, 1.4)

    def draw(size):
        def at(x, y):
            return edge + size * (x * half[0] * side + (1 + y) * half[1] * down)

        alpha = soft(_filled(place, [at(-1, -1), at(1, -1), at(1, 1), at(-1, 1)]), blur)
        text = canvas(place.size)
        for k in range(lines):
            y = -0.8 + 1.6 * k / max(lines, 2)
            spaces = np.linspace(-(ends[k, 0] ** 0.3) * 0.9, ends[k, 1] * 0.9, 9)
            for a, b in zip(spaces[:-1], spaces[1:]):
                stroke(text, [at(a, y), at(a + 0.75 * (b - a), y)], width * half[1] * size)

        def paint(box):
            amount = soft(box.cut(text), 0.7)[..., None] * 0.85
            return (color + amount * (ink - color)) * look.level * grain(rng, box, 2, 0.12) * grain(rng, box, 60, 0.02)

        return [Layer(alpha, paint, 0.4, 0.06 * place.unit, look.towards(0.1 * place.unit))]

    return draw


def _leaves(place: Place, look: Look, rng):
    """Leaves on a stem, often out of focus."""
    at, unit = place.points[rng.integers(0, 68)], place.unit
    green = np.array([0.08, 0.2, 0.03]) * rng.uniform(0.4, 2.2, 3) ** [0.4, 1.0, 0.4]
    count, blur = rng.integers(2, 9), rng.uniform(0.5, 2.5)
    stem = curve(rng.normal(0, 0.8, (3, 2)) * unit, 12)
    roots, turns = rng.uniform(0, 1, count), rng.uniform(0, 2 * np.pi, count)
    long, wide = rng.uniform(0.4, 1.1, count) * unit, rng.uniform(0.15, 0.4, count)
    tones = rng.uniform(80, 255, count).astype(int)

    def draw(size):
        drawn, tone, veins = (canvas(place.size) for _ in range(3))
        stroke(drawn, at + size * stem, 0.03 * unit)
        tone[:] = 120
        for root, turn, length, width, light in zip(roots, turns, long, wide, tones):
            way, start = np.array([np.cos(turn), np.sin(turn)]), stem[int(root * 11)]
            bend = width * length * np.array([-way[1], way[0]])
            tip = start + length * way
            sides = [curve([start, start + 0.5 * length * way + s * bend, tip]) for s in (-1.6, 1.6)]
            outline = at + size * np.concatenate([sides[0], sides[1][::-1]])
            fill(drawn, outline)
            fill(tone, outline, int(light))
            fill(tone, at + size * np.concatenate([sides[0], [start]]), int(0.8 * light))
            stroke(veins, at + size * np.array([start, tip]), 1)

        def paint(box):
            amount = soft(box.cut(tone), max(blur - 0.4, 0.3))[..., None]
            vein = 1 + 0.5 * soft(box.cut(veins), max(blur - 0.4, 0.3))[..., None]
            return green * 1.8 * look.level * amount * vein * grain(rng, box, 10, 0.1)

        return [Layer(soft(drawn, blur), paint, 0.4, 0.06 * unit, look.towards(0.1 * unit))]

    return draw
