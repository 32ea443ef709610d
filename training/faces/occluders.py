"""Things before the face, grown until they hide the wanted share of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from training.face_model.render import TONES, View
from training.faces.noise import random_texture, smooth_noise
from training.faces.scene import random_polygon

#: Relative frequency of the kinds where none is asked for.
KINDS = {"hand": 0.3, "sunglasses": 0.15, "glasses": 0.1, "mask": 0.15, "scarf": 0.1, "thing": 0.2}
#: How many times its natural size a thing is at most: what is worn hardly varies.
_LARGEST, _WORN, _HALVINGS = 5.0, {"sunglasses": 1.3, "glasses": 1.1, "mask": 1.4}, 10


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


def place_of(points_head: np.ndarray, view: View) -> Place:
    """points_head: (68, 3) standard points in the head's frame."""
    placed = view.place(points_head)
    unit = 0.09 * view.camera.K[0, 0] / float(placed[:, 2].mean())
    size = (view.camera.height, view.camera.width)
    return Place(view.camera.project(placed), points_head, view, size, unit)


def occlude(picture: np.ndarray, face: np.ndarray, place: Place, rng, share: float | None, kind: str | None = None):
    """The picture with something before the face, and what it hides: (H, W) bool.

    picture: (H, W, 3) linear RGB; face: (H, W) bool; share: of the face's pixels to hide, None: each thing's natural
    size; kind: of KINDS, None: a random one.
    """
    kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
    hidden = np.zeros(place.size, np.uint8)
    for _ in range(4):
        draw, color, opacity = _MAKERS[kind](place, rng)
        if share is None:
            mask = draw(rng.uniform(0.85, 1.15))
        else:
            mask = _grown(draw, hidden, face, share, _WORN.get(kind, _LARGEST))
        picture = _laid_over(picture, mask, color(), opacity)
        hidden |= mask
        if share is None or np.count_nonzero(hidden[face]) > (share - 0.03) * np.count_nonzero(face):
            break
        kind = "thing"  # what the first kind couldn't hide, another thing does
    return picture, hidden > 0


def _grown(draw: Callable, hidden, face, share: float, high: float) -> np.ndarray:
    """The mask (H, W) of the size at which share of the face is hidden, together with what hides it already."""
    low = 0.02
    wanted = share * np.count_nonzero(face)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        covered = np.count_nonzero((draw(middle) | hidden)[face])
        low, high = (middle, high) if covered < wanted else (low, middle)
    return draw(low)


def _laid_over(picture, mask, color, opacity: float):
    """With a soft edge and a faint shadow around it."""
    solid = mask.astype(np.float32)
    edge = cv2.GaussianBlur(solid, (0, 0), 0.7)[..., None] * opacity
    shadow = cv2.GaussianBlur(solid, (0, 0), 5.0)[..., None]
    return picture * (1 - 0.35 * shadow) * (1 - edge) + color * edge


def _rounded(mask, reach: float):
    """(H, W, 1) brightness of a padded thing: dark at its rim."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return (0.45 + 0.55 * np.sqrt(np.clip(distance / max(reach, 1.0), 0, 1)))[..., None]


def _fill(mask, points):
    cv2.fillPoly(mask, [np.rint(np.clip(points, -4000, 4000) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)


def _line(mask, a, b, width: float):
    a, b = (tuple(np.clip(np.rint(p), -4000, 4000).astype(int).tolist()) for p in (a, b))
    cv2.line(mask, a, b, 1, max(int(round(width)), 1))


def _hand(place: Place, rng):
    """A palm and fingers, seen from the back, of some skin colour."""
    centre = place.points[rng.integers(17, 68)] + rng.normal(0, 0.15 * place.unit, 2)
    angle, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.28)
    across = np.array([np.cos(angle), np.sin(angle)])
    bent = rng.uniform(0.5, 1.1, 5)
    tone = TONES[rng.choice(len(TONES))] ** 1.8 * rng.uniform(0.7, 1.1)

    def draw(size):
        mask, unit = np.zeros(place.size, np.uint8), 0.9 * place.unit * size
        along = np.array([-across[1], across[0]])
        palm = centre - 0.35 * unit * along
        box = (palm.tolist(), (0.85 * unit, 0.95 * unit), float(np.degrees(angle)))
        cv2.ellipse(mask, box, 1, -1)
        _line(mask, palm, palm - 2.5 * unit * along, 0.6 * unit)
        for finger in range(5):
            base = palm + unit * ((finger - 2) * 0.2 * across + (0.35 if finger else -0.1) * along)
            turn = (finger - 2) * spread if finger else -1.0
            way = np.cos(turn) * along + np.sin(turn) * across
            _line(mask, base, base + bent[finger] * 0.85 * unit * way, 0.2 * unit)
        return mask

    def color():
        mask = draw(1.0)
        uneven = np.exp(0.12 * smooth_noise(rng, place.size, 9) + 0.08 * smooth_noise(rng, place.size, 30))
        return tone * uneven * np.maximum(_rounded(mask, 0.12 * place.unit), 0.6)

    return draw, color, 1.0


def _lenses(place: Place, rng):
    """Outlines (P, 2) of two lenses; the ends (2, 2) of the bridge and of the temples that are seen, in pixels."""
    power = rng.uniform(1.0, 1.8)
    angle = np.linspace(0, 2 * np.pi, 40)
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    unit = np.sign(unit) * np.abs(unit) ** (1 / power)
    radii = np.array([rng.uniform(0.024, 0.032), rng.uniform(0.018, 0.027)])
    outlines, ends = [], []
    for eye, ear in ((place.head[36:42], place.head[0]), (place.head[42:48], place.head[16])):
        middle = eye.mean(0) + [0.0, -0.003, 0.016]
        side = np.sign(middle[0])
        depth = -np.abs(unit[:, :1] * side + 1) * 0.006
        outlines.append(middle + np.column_stack([unit * radii, depth]))
        if place.sees(side):
            ends.append([middle + [side * radii[0], 0.004, -0.012], [ear[0] * 1.06, middle[1], 0.01]])
    bridge = [outlines[0][0], outlines[1][20]]
    return [place.project(o) for o in outlines], [place.project(line) for line in (*ends, bridge)]


def _spectacles(place: Place, rng, dark: bool):
    outlines, lines = _lenses(place, rng)
    width = place.unit * rng.uniform(0.015, 0.06)
    middle = np.concatenate(outlines).mean(0)
    frame = rng.uniform(0.0, 0.25, 3) if rng.random() < 0.7 else rng.uniform(0.0, 0.8, 3)

    def draw(size):
        mask = np.zeros(place.size, np.uint8)
        for outline in outlines:
            outline = middle + size * (outline - middle)
            if dark:
                _fill(mask, outline)
            cv2.polylines(mask, [np.rint(np.clip(outline, -4000, 4000)).astype(np.int32)], True, 1, max(int(width), 1))
        for a, b in lines:
            _line(mask, middle + size * (a - middle), middle + size * (b - middle), width)
        return mask

    def color():
        glare = np.clip(0.12 * smooth_noise(rng, place.size, 4), 0, 1) * rng.random()
        return frame * (0.15 if dark else 0.5) + glare

    return draw, color, rng.uniform(0.8, 1.0) if dark else 1.0


def _cover(place: Place, rng, scarf: bool):
    """A medical mask over nose, mouth and chin; a scarf goes on below."""
    head = place.head
    top = head[rng.integers(28, 31)] + [0.0, 0.0, 0.008]
    outward = head[3:14] * [1.06, 1.0, 1.03] + [0.0, 0.0, 0.006]
    cheeks = np.array([head[2] * [1.0, 1, 1], head[14]]) + [0.0, rng.uniform(-0.02, 0.0), 0.006]
    chin = head[8] + [0.0, -0.008, 0.006]
    points = np.concatenate([[top], outward, cheeks, [chin]])
    if scarf:
        points = np.concatenate([points, [[-0.10, -0.20, 0.02], [0.10, -0.20, 0.02], [0.0, -0.2, 0.1]]])
    outline = cv2.convexHull(place.project(points).astype(np.float32))[:, 0]
    anchor = place.project(np.array([head[8]]))[0]
    loops = [
        place.project(np.array([head[cheek], [head[ear, 0] * 1.08, 0.03, 0.01]]))
        for side, cheek, ear in ((-1, 2, 0), (1, 14, 16))
        if place.sees(side) and not scarf
    ]
    cloth = np.array([[0.8, 0.8, 0.8], [0.35, 0.6, 0.75], [0.02, 0.02, 0.02], rng.random(3)])[rng.integers(4)]

    def draw(size):
        mask = np.zeros(place.size, np.uint8)
        _fill(mask, anchor + size * (outline - anchor))
        for a, b in loops:
            _line(mask, a, b, 0.03 * place.unit)
        return mask

    def color():
        base = random_texture(rng, place.size) if scarf else cloth
        y = np.arange(place.size[0], dtype=np.float32)[:, None, None]
        pleats = 1 + 0.08 * np.sin(y * (2 * np.pi / (0.17 * place.unit)))
        return base * pleats * _rounded(draw(1.0), 0.35 * place.unit)

    return draw, color, 1.0


def _thing(place: Place, rng):
    """A polygon or a box with some texture, in focus or not."""
    centre = place.points[rng.integers(0, 68)]
    seed, box, angle = int(rng.integers(2**31)), rng.random() < 0.5, rng.uniform(0, np.pi)
    sides = rng.uniform(0.4, 1.3, 2)

    def draw(size):
        reach = place.unit * size
        if not box:
            return random_polygon(np.random.default_rng(seed), place.size, centre, 0.7 * reach)
        mask, turn = np.zeros(place.size, np.uint8), np.array([[np.cos(angle), np.sin(angle)]])
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides * 0.7 * reach
        turn = np.concatenate([turn, [[-turn[0, 1], turn[0, 0]]]])
        _fill(mask, centre + corners @ turn)
        return mask

    def color():
        texture = random_texture(rng, place.size)
        return cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.5, 3)) * _rounded(draw(1.0), rng.uniform(1, 60))

    return draw, color, 1.0


_MAKERS = {
    "hand": _hand,
    "sunglasses": lambda place, rng: _spectacles(place, rng, True),
    "glasses": lambda place, rng: _spectacles(place, rng, False),
    "mask": lambda place, rng: _cover(place, rng, False),
    "scarf": lambda place, rng: _cover(place, rng, True),
    "thing": _thing,
}
