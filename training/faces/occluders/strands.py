"""Strands and locks of hair that fall over the face."""

from __future__ import annotations

import numpy as np

from training.faces.noise import smooth_noise
from training.faces.occluders.layers import Layer, canvas, fill, soft, strokes
from training.faces.occluders.place import Look, Place

_LEVELS, _STEPS = 6, 14


def hair(place: Place, look: Look, rng):
    """A fringe, locks, long hair over a temple and the cheek, single strands."""
    style = str(rng.choice(["fringe", "side", "locks", "strands", "both"], p=[0.28, 0.27, 0.2, 0.1, 0.15]))
    makers = {"fringe": _fringe, "side": _side, "locks": _locks, "strands": lambda *a: []}
    names = ("side", "side") if style == "both" else (style,)
    first = rng.choice([side for side in (-1, 1) if place.sees(side)])
    locks = [lock for i, name in enumerate(names) for lock in makers[name](place, rng, first * (-1) ** i)]
    bundled = sum(lock.count for lock in locks)
    locks += _single(place, rng, 40 if style == "strands" else 12)
    faint = rng.uniform(0.5, 1.0)
    spread = rng.uniform(0.25, 0.6)
    groups = rng.integers(0, _LEVELS, 4096)
    seed, blur = int(rng.integers(2**31)), rng.uniform(0.3, 0.7)

    def draw(size):
        tone, opaque = canvas(place.size), canvas(place.size)
        lines, width = _lines(locks, place, size, np.random.default_rng(seed))
        for lock in locks:
            if lock.solid > 0:
                fill(opaque, _solid(lock, place, size))
        tone[:] = 90
        for level in range(_LEVELS):
            some = lines[groups[: len(lines)] == level]
            strokes(tone, some, width, 50 + 30 * level)
        strokes(opaque, lines[:bundled], width)
        alone = canvas(place.size)
        strokes(alone, lines[bundled:], 1, int(255 * faint))
        alpha = np.maximum(soft(opaque, blur), soft(alone, 0.4))

        def paint(box):
            amount = (box.cut(tone).astype(np.float32) / 125)[..., None]
            uneven = np.exp(0.15 * smooth_noise(rng, box.size, 12))
            color = look.hair * uneven * (1 - spread + spread * amount)
            sheen = np.clip(smooth_noise(rng, box.size, 5) - 0.6, 0, 1) * 0.06 * look.level * amount
            return color + sheen

        return [Layer(alpha, paint, 0.35, 0.035 * place.unit, look.towards(0.05 * place.unit))]

    return draw


class _Lock:
    """control: (4, 3) metres, head's frame, from root to tip; width: metres at the root; count: strands; solid: the
    part of its length that is opaque."""

    def __init__(self, control, width: float, count: int, solid: float):
        self.control, self.width, self.count, self.solid = np.asarray(control, float), width, count, solid


def _depth(head, x, y):
    """Depth (metres) of a face's surface near (x, y) of the head's frame, a little before it."""
    bulge = 1 - np.clip(np.abs(x) / 0.085, 0, 1) ** 2.2
    high = np.clip((y - head[24, 1]) / 0.055, 0, 1.4) ** 2
    return head[16, 2] * 0.6 + (head[24, 2] + 0.008 - head[16, 2] * 0.6) * bulge - 0.025 * high


def _path(place: Place, xy):
    """Control points (4, 3) on the face from (4, 2)."""
    xy = np.asarray(xy, float)
    return np.column_stack([xy, _depth(place.head, xy[:, 0], xy[:, 1])])


def _fringe(place: Place, rng, side):
    brow = place.head[24, 1]
    end, sweep, part = brow + rng.uniform(-0.03, 0.02), rng.normal(0, 0.025), rng.uniform(-0.04, 0.04)
    left, right = -rng.uniform(0.03, 0.075), rng.uniform(0.03, 0.075)
    locks = []
    for x in np.linspace(left, right, rng.integers(9, 18)):
        away = sweep + 0.35 * (x - part) * (rng.random() < 0.5)
        top, tip = brow + rng.uniform(0.045, 0.055), end + rng.normal(0, 0.006) + 1.5 * x**2
        points = [[x * 0.9, top], [x + 0.2 * away, top - 0.01], [x + 0.6 * away, (top + tip) / 2], [x + away, tip]]
        locks.append(_Lock(_path(place, points), rng.uniform(0.008, 0.016), 24, rng.uniform(0.3, 0.95)))
    return locks


def _side(place: Place, rng, side):
    brow, chin = place.head[24, 1], place.head[8, 1]
    inner, low = rng.uniform(0.02, 0.06), rng.uniform(chin - 0.1, chin + 0.06)
    locks = []
    for t in np.linspace(0, 1, rng.integers(7, 13)):
        x = inner + (0.085 - inner) * t
        top = brow + 0.055 - 0.02 * t
        belly = x + rng.normal(0.004, 0.006)
        points = [[0.5 * x, top + 0.01], [0.9 * x, top - 0.02], [belly + 0.008, brow - 0.06], [belly, low]]
        points = np.array(points) * [side, 1] + [0, rng.normal(0, 0.008)]
        locks.append(_Lock(_path(place, points), rng.uniform(0.012, 0.022), 26, rng.uniform(0.5, 1.0)))
    return locks


def _hanging(x, top, length, away, bend):
    """Bends of a lock (4, 2) from the hair line down, metres."""
    return [[x, top], [x + bend, top - length / 3], [x + away - bend, top - length / 1.5], [x + away, top - length]]


def _locks(place: Place, rng, side):
    brow, locks = place.head[24, 1], []
    for _ in range(rng.integers(2, 7)):
        x, length = rng.uniform(-0.06, 0.06), rng.uniform(0.05, 0.13)
        away, bend = rng.normal(0, 0.03), rng.normal(0, 0.02)
        top = brow + rng.uniform(0.04, 0.055) - 4 * x**2
        points = _hanging(x, top, length, away, bend)
        locks.append(_Lock(_path(place, points), rng.uniform(0.004, 0.016), 22, rng.uniform(0.0, 0.8)))
    return locks


def _single(place: Place, rng, most: int):
    """Strands that left the others."""
    brow, locks = place.head[24, 1], []
    for _ in range(rng.integers(3, most)):
        x, length, away, bend = (
            rng.uniform(-0.07, 0.07),
            rng.uniform(0.03, 0.14),
            rng.normal(0, 0.03),
            rng.normal(0, 0.03),
        )
        top = brow + rng.uniform(0.03, 0.055) - 4 * x**2
        points = _hanging(x, top, length, away, bend)
        locks.append(_Lock(_path(place, points), 0.003, rng.integers(1, 4), 0.0))
    return locks


def _weights(steps):
    t = np.linspace(0, 1, steps)[:, None]
    return np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def _lines(locks, place: Place, size: float, rng):
    """Strands (L, P, 2) in pixels, and their width."""
    weights, made = _weights(_STEPS), []
    t = np.linspace(0, 1, _STEPS)
    for lock in locks:
        control = lock.control[0] + (lock.control - lock.control[0]) * size
        ends = rng.uniform(0.75, 1.1, (lock.count, 1, 1))
        offset = rng.uniform(-0.5, 0.5, (lock.count, 1)) * lock.width * size**0.5 * (1.05 - 0.75 * t**1.5)
        wander = rng.normal(0, 0.15, (lock.count, 1)) * lock.width * np.sin(np.pi * t) + 0.1 * lock.width * t
        points = np.repeat((weights @ control)[None], lock.count, 0)
        points = points[:, :1] + (points - points[:, :1]) * ends
        points[..., 0] += offset + wander
        points[..., 1] += rng.uniform(0, 0.012, (lock.count, 1)) * (1 - t)
        made.append(points)
    points = np.concatenate(made)
    pixels = place.project(points.reshape(-1, 3)).reshape(*points.shape[:2], 2)
    return pixels, max(0.0035 * place.unit, 1.0)


def _solid(lock: _Lock, place: Place, size: float):
    """(P, 2) pixels of the opaque part of a lock."""
    control = lock.control[0] + (lock.control - lock.control[0]) * size
    t = np.linspace(0, 1, _STEPS)
    line = (_weights(_STEPS) @ control)[t <= max(lock.solid, 0.1)]
    half = 0.42 * lock.width * size**0.5 * (1 - (t[: len(line)] / max(lock.solid, 0.1)) ** 2 * 0.9)[:, None]
    left, right = line - half * [1, 0, 0], line + half * [1, 0, 0]
    return place.project(np.concatenate([left, right[::-1]]))
