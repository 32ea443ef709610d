"""Hats: caps, beanies, brimmed hats, helmets, headscarves and hoods."""

from __future__ import annotations

import numpy as np

from training.faces.occluders.layers import Layer, cloth_color, grain, pattern
from training.faces.occluders.place import Look, Place
from training.faces.occluders.relief import gloss, lambert
from training.faces.occluders.surface import sheet

_ROWS, _COLUMNS = 10, 49


def hat(place: Place, look: Look, rng):
    """Something on the head, down to the forehead or the brows."""
    kind = str(rng.choice(["cap", "beanie", "brim", "helmet", "scarf", "hood"], p=[0.28, 0.24, 0.16, 0.1, 0.12, 0.1]))
    worn = _Hat(place, look, rng, kind)
    return worn.draw


class _Hat:
    """low: metres of its edge above the brows; tilt: how much lower its front is than its back, per metre."""

    def __init__(self, place: Place, look: Look, rng, kind: str):
        self.place, self.look, self.rng, self.kind = place, look, rng, kind
        head = place.head
        self.brow = head[17:27, 1].max()
        low = rng.uniform(0.002, 0.03)
        self.low = low + 0.006 if kind == "hood" else low
        self.tilt, self.lean = rng.uniform(-0.05, 0.25), rng.normal(0, 0.04)
        self.width = 1.08 * np.abs(head[[0, 16], 0]).mean() + rng.uniform(0.004, 0.012)
        self.front = head[17:27, 2].max() + rng.uniform(0.004, 0.010)
        self.length = 0.1 + rng.uniform(0.002, 0.01)
        self.height = rng.uniform(0.085, 0.12) + (0.02 if kind in ("brim", "beanie") else 0)
        self.reach = rng.uniform(0.05, 0.09)
        self.color = cloth_color(rng)
        self.other = cloth_color(rng) if rng.random() < 0.4 else self.color * rng.uniform(0.6, 1.2)
        self.shiny = kind == "helmet" and rng.random() < 0.8
        self.knit = rng.uniform(150, 320) if kind == "beanie" and rng.random() < 0.8 else 0.0
        self.drape = rng.uniform(0.9, 1.08)
        self.blur = rng.uniform(0.4, 1.0)

    def draw(self, size: float) -> list[Layer]:
        if self.kind in ("scarf", "hood"):
            return [self._layer(self._shroud(size), self.color, 0.55)]
        edge = self.low + self.brow - (size - 1) * 0.09
        layers = [self._layer(self._dome(edge), self.color, 0.45)]
        if self.kind == "beanie":
            layers.append(self._layer(self._band(edge, 0.028, 0.006), self.other, 0.3))
        elif self.kind == "cap":
            layers.append(self._layer(self._brim(edge, np.radians(62), self.reach), self.other, 0.6, True))
        elif self.kind == "brim":
            layers.append(self._layer(self._brim(edge, np.pi, self.reach), self.color, 0.65, True))
        elif self.kind == "helmet":
            layers.append(self._layer(self._band(edge, 0.006, 0.003), self.other, 0.4))
        return layers

    def _ring(self, angle, scale):
        """(..., 3) around the head, angle 0 to the front; y 0."""
        x, z = np.sin(angle) * self.width, np.cos(angle) * self.length
        bulk = np.abs(np.sin(angle)) ** 0.6 * np.sign(np.sin(angle)) * self.width
        x = 0.5 * (x + bulk) * scale
        return np.stack([x, self.tilt * -z + self.lean * x, z * scale + self.front - self.length], axis=-1)

    def _dome(self, edge):
        angle = np.linspace(-np.pi, np.pi, _COLUMNS)[None]
        up = np.linspace(np.pi / 2, 0, _ROWS)[:, None]
        power = 0.6 if self.kind == "brim" else 0.85
        points = self._ring(angle, np.cos(up) ** power)
        points[..., 1] += edge + self.height * np.sin(up) ** (0.7 if self.kind == "brim" else 1.0)
        return points

    def _band(self, edge, height, thick):
        angle = np.linspace(-np.pi, np.pi, _COLUMNS)[None]
        up = np.linspace(1, 0, 5)[:, None]
        points = self._ring(angle, 1 + thick / self.width * (0.4 + 1.5 * np.sqrt(up * (1 - up)) + 0 * angle))
        points[..., 1] += edge - 0.003 + up * height
        return points

    def _brim(self, edge, half, reach):
        angle = np.linspace(-half, half, _COLUMNS)[None]
        out = np.linspace(0, 1, 6)[:, None]
        wide = reach * (np.cos(angle / half * np.pi / 2) ** 0.6 if half < 3 else 1 + 0 * angle)
        points = self._ring(angle, 1 + out * wide / self.width)
        sag = 0.35 if half < 3 else 0.12
        points[..., 1] += edge + 0.004 - sag * out * wide * (1 + 0.8 * np.sin(angle) ** 2)
        return points

    def _shroud(self, size):
        """A tube along the head, open at the face: columns go around the opening, rows from the back to its rim."""
        head, hood = self.place.head, self.kind == "hood"
        top = self.brow + self.low + 0.012 - (size - 1) * 0.09
        bottom = head[8, 1] - (0.035 if hood else 0.012) + (size - 1) * 0.05
        middle, tall = (top + bottom) / 2, (top - bottom) / 2
        wide = self.width * (0.98 if hood else 0.9) * self.drape / size**0.5
        angle = np.linspace(1.5 * np.pi, -0.5 * np.pi, _COLUMNS)[None]  # from the chin over the right side and the top
        back = np.linspace(0, 1, _ROWS)[:, None]
        grow = 1 + 0.45 * np.sin(back * np.pi / 2) ** 0.8 * (1 if hood else 0.7)
        crown = 1 + 1.0 * np.sin(back * np.pi / 2) ** 0.8
        x = wide * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.8 * grow
        y = middle + tall * np.sin(angle) * np.where(np.sin(angle) < 0, grow + 1.2 * back, crown)
        rim = self.front - 0.012 - (0.045 if not hood else 0.02) * np.cos(angle) ** 2
        z = rim + 0.012 * np.sin(back * np.pi) - 0.15 * back**1.5
        points = np.stack([x, y, z + 0.02 * (np.sin(angle) < -0.5) * (1 - back)], axis=-1)
        return points[::-1]

    def _head(self):
        """A column within the hat: the face and what is behind it."""
        angle = np.linspace(-np.pi, np.pi, _COLUMNS)[None]
        points = self._ring(angle, np.full((2, 1), 0.8))
        points[..., 1] += np.array([[self.brow + self.low + 0.02], [-0.12]])
        return points

    def _layer(self, points, color, shadow, both=False):
        rng, look = self.rng, self.look
        seen = sheet(
            self.place, points, both, self.blur, self._head() if both or self.kind in ("hood", "scarf") else None
        )

        def paint(box):
            u, v, normals = seen.cut(box)
            base = pattern(rng, box, 6 * u, v, color) * look.level
            shade = lambert(normals, look.light, 0.4)
            if not self.shiny:
                shade = shade * grain(rng, box, 10, 0.12) * grain(rng, box, 120, 0.05)
            if self.knit:
                ribs = 1 + 0.3 * np.sin(u * self.knit * 2) * (1 - 0.3 * np.cos(v * 200))
                shade = shade * ribs[..., None]
            shade = shade * (1 - 0.3 * np.exp(-((1 - v) * 25))[..., None])
            shine = (0.6 if self.shiny else 0.04) * gloss(normals, look.light, 40 if self.shiny else 6)
            return base * np.maximum(shade, 0) + shine * look.level

        blur = 0.05 * self.place.unit
        shift = look.towards(0.05 * self.place.unit) + [0.0, 0.1 * self.place.unit]
        return Layer(seen.alpha, paint, shadow, blur, shift)
