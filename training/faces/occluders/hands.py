"""Hands: fingers of tapered segments on a palm, a wrist, sometimes a sleeve."""

from __future__ import annotations

import numpy as np

from training.face_model.render import TONES
from training.faces.noise import octaves, smooth_noise
from training.faces.occluders.layers import Box, Layer, canvas, cloth_color, curve, fill, grain, soft, stroke
from training.faces.occluders.place import Look, Place
from training.faces.occluders.relief import Relief, gloss, lambert

#: A hand of length 1, its wrist at (0, 0), its fingers along y, the thumb at negative x.
_KNUCKLES = np.array([[-0.155, 0.47], [-0.055, 0.51], [0.05, 0.49], [0.145, 0.43]])
_LENGTHS, _JOINTS, _RADIUS = (0.37, 0.42, 0.39, 0.31), (0.0, 0.46, 0.76, 1.0), (0.053, 0.055, 0.052, 0.045)
#: Landmarks on either side of the face that a pair of hands may go to.
_PAIRS = ((4, 12), (2, 14), (37, 44), (41, 46), (48, 54), (6, 10), (19, 24))


def hand(place: Place, look: Look, rng):
    """One hand or two: over the face, over the mouth, at a cheek or the temple, a fist at the chin, a finger."""
    color = hand_color(look, rng)
    if rng.random() < 0.15:
        pair = _PAIRS[rng.integers(len(_PAIRS))]
        turn, pose = rng.uniform(-0.3, 1.2), _pose(rng, rng.choice(["cover", "cheek"]))
        bent = [turn, -turn + rng.normal(0, 0.2)]
        hands = [_Hand(place, look, rng, place.points[i], t, pose, m) for i, t, m in zip(pair, bent, (-1, 1))]
    else:
        hands = [_single(place, look, rng)]
    blur = rng.uniform(0.3, 1.1)
    return lambda size: [layer for h in hands for layer in h.draw(size, color, blur)]


def hand_color(look: Look, rng) -> np.ndarray:
    """(3,) linear: mostly near the face's own colour."""
    if rng.random() < 0.8:
        return look.tone * rng.uniform(0.8, 1.2) * (1 + rng.normal(0, 0.05, 3))
    return TONES[rng.choice(len(TONES))] ** 1.8 * rng.uniform(0.5, 0.9) * look.level


def _single(place: Place, look: Look, rng):
    kind = str(rng.choice(["cover", "mouth", "cheek", "fist", "finger"], p=[0.35, 0.2, 0.2, 0.15, 0.1]))
    side = rng.choice([-1, 1])
    turn = side * {"cover": rng.uniform(-0.2, 1.5), "mouth": rng.uniform(0.9, 1.8)}.get(kind, rng.uniform(-0.1, 0.7))
    spots = {
        "cover": range(17, 68),
        "mouth": (33, 51, 57, 62, 66),
        "cheek": (1, 2, 3, 4, 5, 17, 36, 48) if side < 0 else (11, 12, 13, 14, 15, 26, 45, 54),
        "fist": (5, 7, 8, 9, 11, 57),
        "finger": (8, 30, 33, 51, 57, 62, 48, 54, 36, 45, 17, 26),
    }[kind]
    return _Hand(place, look, rng, place.points[rng.choice(list(spots))], turn, _pose(rng, kind), int(side))


def _pose(rng, kind: str):
    """(curl of the fingers (4,), spread (radians), point (2,) of the hand that touches the face, the thumb's angle)."""
    curl, spread, touch = rng.uniform(0.75, 1.05, 4), rng.uniform(0.02, 0.25), [0.0, rng.uniform(0.3, 0.75)]
    if kind == "mouth":
        spread, touch = rng.uniform(0.0, 0.08), [0.0, rng.uniform(0.5, 0.75)]
    elif kind == "cheek":
        touch = [0.0, rng.uniform(0.5, 0.85)]
        curl = np.where(rng.random(4) < 0.3, rng.uniform(0.3, 0.5, 4), curl)
    elif kind == "fist":
        curl, spread, touch = rng.uniform(0.3, 0.42, 4), 0.03, [0.0, rng.uniform(0.4, 0.65)]
    elif kind == "finger":
        curl, spread = rng.uniform(0.3, 0.45, 4), 0.05
        curl[0] = rng.uniform(0.85, 1.0)
        touch = [-0.17, rng.uniform(0.75, 0.9)]
    return curl, spread, np.array(touch), rng.uniform(0.25, 1.0) * (0.4 if kind in ("fist", "finger") else 1.0)


class _Hand:
    """A hand that touches the picture at a point; turn: radians its fingers lean from upright, mirror: -1 or 1."""

    def __init__(self, place: Place, look: Look, rng, at, turn: float, pose, mirror: int):
        self.place, self.look, self.rng, self.mirror = place, look, rng, mirror
        self.at = at + rng.normal(0, 0.06 * place.unit, 2)
        self.curl, self.spread, self.touch, self.thumb = pose
        self.along = np.array([np.sin(turn), -np.cos(turn)])
        self.across = np.array([np.cos(turn), np.sin(turn)]) * mirror
        self.length = 2.0 * place.unit * rng.uniform(0.85, 1.1)
        self.thick = rng.uniform(0.9, 1.15)
        self.lean, self.lift = rng.normal(0, 0.05, (4, 3)), rng.uniform(0, 0.03, 4)
        self.wrist = rng.normal(0, 0.15)
        self.nails, self.sleeve = rng.random() < 0.6, rng.random() < 0.4
        self.cuff = rng.uniform(-0.1, 0.5)

    def draw(self, size: float, color, blur: float) -> list[Layer]:
        relief, length = Relief(self.place.size), self.length * size
        ink, nails = canvas(self.place.size), canvas(self.place.size)
        self._palm(relief, length)
        for finger in range(4):
            self._finger(relief, ink, nails, finger, length)
        self._thumb(relief, nails, length)
        alpha = soft((255 * relief.alpha).astype(np.uint8), blur)
        paint = self._paint(relief, ink, nails, np.array(color), length)
        shadow = {"shadow": 0.5, "blur": 0.02 * length, "shift": self.look.towards(0.03 * length)}
        contact = Layer(alpha, paint, 0.4, max(0.008 * length, 1.0))
        return [Layer(alpha, None, **shadow), contact, *self._sleeve(length, blur)]

    def _at(self, point, length):
        """Hand coordinates (2,) to pixels."""
        x, y = np.asarray(point) - self.touch
        return self.at + length * (x * self.across + y * self.along)

    def _palm(self, relief, length):
        r = 0.085 * length * self.thick
        for t in np.linspace(0, 3, 10):
            knuckle = [np.interp(t, range(4), _KNUCKLES[:, k]) for k in (0, 1)]
            bony = 0.04 * r * np.cos(2 * np.pi * t) - 0.12 * r * (t / 1.5 - 1) ** 2
            start = self._at([knuckle[0] * 0.6, 0.06], length)
            end = self._at([knuckle[0] * 0.9, knuckle[1] - 0.02], length)
            relief.capsule(start, end, 1.05 * r, 0.72 * r, bony - 0.2 * r)
        # The skin between thumb and forefinger.
        relief.capsule(self._at([-0.1, 0.14], length), self._at([-0.13, 0.36], length), 0.9 * r, 0.6 * r, -0.2 * r)
        arm = [3.5 * np.sin(self.wrist), -3.5 * np.cos(self.wrist)]
        relief.capsule(self._at([0, 0.1], length), self._at(arm, length), 1.5 * r, 2.4 * r, -0.7 * r)

    def _finger(self, relief, ink, nails, finger, length):
        angle, point = (finger - 1.5) * self.spread, _KNUCKLES[finger]
        reach, radius = _LENGTHS[finger] * self.curl[finger], _RADIUS[finger] * length * self.thick
        for part in range(3):
            angle += self.lean[finger, part]
            step = reach * (_JOINTS[part + 1] - _JOINTS[part]) * np.array([np.sin(angle), np.cos(angle)])
            a, b = self._at(point, length), self._at(point + step, length)
            thick = radius * (1.08, 1.0, 0.93, 0.8)[part], radius * (1.0, 0.93, 0.8)[part]
            relief.capsule(a, b, *thick, (self.lift[finger] + 0.02 * (self.curl[finger] < 0.5)) * length)
            self._wrinkles(ink, a, b, radius, part)
            point = point + step
        if self.nails and self.curl[finger] > 0.5:
            self._nail(nails, a, b, radius)

    def _wrinkles(self, ink, a, b, radius, part):
        """Two or three short arcs across the joint at a."""
        way = (b - a) / max(np.linalg.norm(b - a), 1e-6)
        side = np.array([-way[1], way[0]])
        for k in range(3 if part else 2):
            at = a + way * radius * 0.35 * (k - 1)
            arc = [at - 0.7 * radius * side, at + 0.25 * radius * way * (k - 1), at + 0.7 * radius * side]
            stroke(ink, curve(arc, 6), 0.12 * radius, (110, 170, 110)[k] if part else 70)

    def _nail(self, nails, a, b, radius):
        way = (b - a) / max(np.linalg.norm(b - a), 1e-6)
        angle = np.linspace(0, 2 * np.pi, 16)
        oval = np.column_stack([0.62 * np.cos(angle), 0.42 * np.sin(angle)]) * radius
        fill(nails, b + 0.12 * radius * way + oval @ np.array([way, [-way[1], way[0]]]))

    def _thumb(self, relief, nails, length):
        r, point, angle = 0.055 * length * self.thick, np.array([-0.1, 0.17]), -self.thumb
        for reach, bend, start, end in ((0.17, 0.0, 1.6, 1.15), (0.15, 0.25, 1.1, 1.0), (0.11, 0.15, 1.0, 0.8)):
            angle += bend * self.thumb
            other = point + reach * np.array([np.sin(angle), np.cos(angle)])
            a, b = self._at(point, length), self._at(other, length)
            relief.capsule(a, b, start * r, end * r, 0.01 * length)
            point = other
        if self.nails:
            self._nail(nails, a, b, r)

    def _paint(self, relief, ink, nails, color, length):
        def paint(box):
            rng, light = self.rng, self.look.light
            normals = relief.normals(box, 0.008 * length)
            uneven = 0.05 * octaves(rng, box.size, 6, 3) + 0.03 * rng.standard_normal((*box.size, 1), np.float32)
            nail = soft(box.cut(nails), 0.6)[..., None]
            red = 0.4 * smooth_noise(rng, box.size, 6)
            tint = 1 + red * np.float32([0.08, -0.03, -0.03]) + nail * np.float32([0.12, 0.08, 0.12])
            lines = soft(box.cut(ink), max(0.004 * length, 0.4))[..., None]
            shade = lambert(normals, light, 0.4, 0.25) * relief.creases(box, 0.03 * length) * (1 - 0.45 * lines)
            # Shaded parts are redder: light goes on beneath the skin.
            shade = 1 - (1 - shade * (1 + uneven)) * np.float32([0.88, 1.03, 1.06])
            shine = 0.08 * self.look.level * gloss(normals, light, 14) * (0.4 + nail)
            return np.float32(1.1 * color) * np.maximum(tint * shade, 0) + shine

        return paint

    def _sleeve(self, length, blur):
        """A layer, if a sleeve is worn: the forearm, wider, in cloth."""
        if not self.sleeve:
            return []
        relief, r = Relief(self.place.size), 0.2 * length * self.thick
        way = np.array([np.sin(self.wrist), -np.cos(self.wrist)])
        start, end = self._at(way * (0.12 + self.cuff), length), self._at(way * 3.6, length)
        relief.capsule(start, end, r, 1.5 * r)
        x, y = Box(0, self.place.size[0], 0, self.place.size[1]).grid()
        ahead = (x - start[0]) * (end - start)[0] + (y - start[1]) * (end - start)[1]
        relief.alpha *= ahead > 0
        alpha = soft((255 * relief.alpha).astype(np.uint8), blur)
        base = cloth_color(self.rng) * self.look.level

        def paint(box):
            folds = grain(self.rng, box, 12, 0.15)
            return base * folds * lambert(relief.normals(box, 2), self.look.light, 0.4)

        return [Layer(alpha, paint, 0.4, 0.03 * length)]
