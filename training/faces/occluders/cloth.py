"""Masks over nose and mouth, and scarves."""

from __future__ import annotations

import numpy as np

from training.faces.noise import octaves
from training.faces.occluders.layers import Layer, canvas, cloth_color, curve, grain, pattern, plain, soft, stroke
from training.faces.occluders.place import Look, Place
from training.faces.occluders.relief import lambert
from training.faces.occluders.surface import sheet

_MEDICAL = np.array([[0.35, 0.6, 0.75], [0.75, 0.78, 0.8], [0.3, 0.55, 0.5], [0.04, 0.04, 0.045], [0.75, 0.45, 0.5]])


def mask(place: Place, look: Look, rng):
    """A medical mask, a respirator or a cloth mask."""
    kind = str(rng.choice(["medical", "respirator", "cloth"], p=[0.5, 0.2, 0.3]))
    color = cloth_color(rng) if kind == "cloth" else _MEDICAL[1 if kind == "respirator" else rng.integers(5)]
    color = color * rng.uniform(0.75, 1.05)
    nose = rng.uniform(0.1, 0.75) if rng.random() < 0.85 else rng.uniform(1.2, 1.6)  # of the nose's length, from above
    build = {"nose": nose, "side": rng.uniform(0.1, 0.9), "beak": 0.022 if kind == "respirator" else 0.01}
    pleats, blur = rng.integers(2, 4), rng.uniform(0.4, 1.0)

    def draw(size):
        seen = sheet(place, _front(place.head, size, **build), False, blur)

        def paint(box):
            u, v, normals = seen.cut(box)
            base = pattern(rng, box, 3 * u, 2 * v, color) if kind == "cloth" else color
            shade = lambert(normals, look.light, 0.5) * grain(rng, box, 7, 0.08)
            shade = shade * (1 - 0.25 * (np.exp(-30 * v) + np.exp(-30 * (1 - v)) * 0.6)[..., None])
            if kind == "medical":
                fold = (v - 0.15) / 0.7 * (pleats + 1) + 0.06 * octaves(rng, box.size, 5, 1)[..., 0]
                shade = shade * (1 - 0.35 * np.exp(-14 * (fold % 1)) * ((fold > 0.9) & (fold < pleats + 1)))[..., None]
            wrinkles = 1 + 0.07 * octaves(rng, box.size, 14, 2) * np.abs(2 * u - 1)[..., None]
            return np.asarray(base) * np.maximum(look.level * shade * wrinkles, 0)

        shift = look.towards(0.04 * place.unit)
        band = 0.8 if kind != "cloth" else color
        return [
            Layer(_loops(place, size), plain(band * look.level), 0.3, 2.0),
            Layer(seen.alpha, paint, 0.5, 0.035 * place.unit, shift),
        ]

    return draw


def scarf(place: Place, look: Look, rng):
    """A thick folded cloth around the neck, pulled up over chin, mouth or nose."""
    color, folds, blur = cloth_color(rng), rng.uniform(2, 5), rng.uniform(0.4, 1.2)
    build = {"nose": rng.uniform(0.3, 1.7), "side": rng.uniform(0.3, 1.2), "beak": 0.012, "long": True}
    slant, depth = rng.normal(0, 0.8, 2), rng.uniform(0.003, 0.007)
    knit = rng.uniform(40, 120) if rng.random() < 0.5 else 0.0

    def draw(size):
        points = _front(place.head, size, **build)
        u, v = np.linspace(-1, 1, points.shape[1])[None], np.linspace(0, 1, points.shape[0])[:, None]
        wave = np.sin(2 * np.pi * folds * v + slant[0] * u * 3 + slant[1] * np.sin(3 * u))
        points = points + (depth * wave)[..., None] * np.stack([u * 0.7, 0 * u, 1 - 0.5 * np.abs(u)], -1)
        seen = sheet(place, points, False, blur)

        def paint(box):
            u, v, normals = seen.cut(box)
            base = pattern(rng, box, 3 * u, 3 * v, color)
            shade = lambert(normals, look.light, 0.35) * grain(rng, box, 10, 0.15)
            if knit:
                shade = shade * (1 + 0.25 * np.sin(u * knit * 2) * np.sin(v * knit * 2))[..., None]
            return base * look.level * shade * (1 - 0.4 * np.exp(-25 * v))[..., None]

        return [Layer(seen.alpha, paint, 0.5, 0.05 * place.unit, [0, -0.03 * place.unit])]

    return draw


def _front(head, size: float, nose: float, side: float, beak: float, long: bool = False) -> np.ndarray:
    """(rows, columns, 3) a sheet from the nose to below the chin, from cheek to cheek."""
    t = np.linspace(2, 14, 25)
    jaw = np.stack([np.interp(t, np.arange(17), head[:17, k]) for k in range(3)], -1)
    u = np.linspace(-1, 1, 25)[:, None]
    low = jaw * [1.04, 1, 1] + [0, -0.006, 0.004] + (1 - u**2) * [0, -0.006, 0.0]
    if long:
        low = low * [1.25, 0, 0.75] + [0, head[8, 1] - 0.12, 0] + np.array([0, 0.03, 0]) * u**2
    bridge = head[27] + (head[33] - head[27]) * nose / 1.3 + [0, 0, 0.006]
    cheeks = np.stack([head[1] + side * (head[3] - head[1]), head[15] + side * (head[13] - head[15])])
    cheeks = cheeks * [1.03, 1, 1] + [0, 0, 0.004]
    cheek = np.where(u < 0, cheeks[0], cheeks[1])
    top = bridge + (cheek - bridge) * np.abs(u) ** np.array([1.0, 1.4, 1.8])
    top = low + (top - low) * np.array([1.0, min(size, 1.6), 1.0])
    v = np.linspace(0, 1, 15)[:, None, None]
    points = top + (low - top) * v
    # Before the nose's tip and the chin it stands out.
    tip = head[30, 2] + beak
    bulge = np.clip(tip - points[:, 12, 2], 0, 0.05) * np.sin(np.pi * np.linspace(0.12, 1, 15) ** 0.8)
    points[..., 2] += bulge[:, None] * (1 - u[:, 0] ** 2)
    points[..., 2] += 0.012 * np.sin(np.pi * v[..., 0]) * (1 - u[:, 0] ** 4)
    return points


def _loops(place: Place, size: float):
    """(H, W) opacity of the bands to the ears."""
    drawn, head = canvas(place.size), place.head
    for side, cheek, ear in ((-1, 2, 0), (1, 14, 16)):
        if place.sees(side) and size > 0.5:
            for height, start in ((0.03, head[cheek] + [0, 0.01, 0.003]), (-0.005, head[cheek + side] + [0, 0, 0.003])):
                end = np.array([head[ear, 0] * 1.1, head[ear, 1] + height, -0.002])
                middle = (start + end) / 2 + [0.006 * side, 0, 0]
                stroke(drawn, curve(place.project([start, middle, end]), 8), 0.025 * place.unit)
    return soft(drawn)
