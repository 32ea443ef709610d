"""What is held or stands before the mouth: microphones, cups, phones, pens, food."""

from __future__ import annotations

import cv2
import numpy as np

from training.faces.noise import octaves, random_texture, smooth_noise
from training.faces.occluders.hands import hand_color
from training.faces.occluders.layers import Layer, canvas, cloth_color, curve, fill, grain, plain, soft, stroke
from training.faces.occluders.place import Look, Place
from training.faces.occluders.relief import Relief, gloss, lambert

_MOUTH = (57, 8, 66, 62, 48, 54, 33, 6, 10)


def microphone(place: Place, look: Look, rng):
    """One of the things that come near a mouth."""
    makers = (_handheld, _boom, _studio, _cup, _phone, _stick, _food)
    return makers[rng.choice(len(makers), p=[0.3, 0.12, 0.12, 0.14, 0.12, 0.08, 0.12])](place, look, rng)


def _spot(place: Place, rng, spots=_MOUTH):
    return place.points[rng.choice(spots)] + rng.normal(0, 0.1 * place.unit, 2)


def _way(turn):
    """Unit vector, turn radians from downwards."""
    return np.array([np.sin(turn), np.cos(turn)])


def _grip(fingers: Relief, bases, tips, r: float, away):
    """Fingers from bases to tips (F, 2), the hand they belong to, and an arm that goes away (2,)."""
    for base, tip in zip(bases, tips):
        knuckle = base + 0.45 * (tip - base)
        fingers.capsule(base, knuckle, 1.1 * r, 1.05 * r, 0.5 * r)
        fingers.capsule(knuckle, tip, 1.05 * r, 0.85 * r, 0.4 * r)
    bases = np.asarray(bases)
    middle, away = bases.mean(0), np.asarray(away) / np.linalg.norm(away)
    for base in np.linspace(bases[0], bases[-1], 7):
        fingers.capsule(base, middle + 4.5 * r * away, 1.3 * r, 1.8 * r)
    fingers.capsule(middle + 3 * r * away, middle + 40 * r * away, 2.6 * r, 4.5 * r, -0.5 * r)


def _relief_layer(relief, look, rng, color, blur, shine, texture=None, smooth=1.0):
    alpha = soft((255 * relief.alpha).astype(np.uint8), blur)

    def paint(box):
        normals = relief.normals(box, smooth)
        factor = 1.0 if texture is None else texture(box)
        shade = lambert(normals, look.light, 0.35) * grain(rng, box, 8, 0.06) * factor
        return np.float32(color * look.level) * shade + shine * look.level * gloss(normals, look.light, 25)

    return Layer(alpha, paint, 0.45, 6.0 * blur + 2.0, look.towards(5.0))


def _handheld(place: Place, look: Look, rng):
    at, turn = _spot(place, rng), rng.normal(0, 0.7)
    color, metal = rng.uniform(0.02, 0.08) if rng.random() < 0.7 else rng.uniform(0.2, 0.6), rng.uniform(0.08, 0.5)
    foam, blur, unit = rng.random() < 0.3, rng.uniform(0.4, 1.3), place.unit * rng.uniform(0.9, 1.2)
    head = cloth_color(rng) * 0.6 if foam else np.full(3, metal)
    skin, grip, other = hand_color(look, rng) / look.level, rng.uniform(1.1, 1.8), rng.choice([-1, 1])

    def draw(size):
        r, way = 0.27 * unit * size, _way(turn)
        side = np.array([way[1], -way[0]])
        bar, ball, fingers = (Relief(place.size) for _ in range(3))
        bar.capsule(at + 0.8 * r * way, at + 9 * r * way, 0.68 * r, 0.45 * r)
        ball.capsule(at, at + 0.25 * r * way, r, 0.95 * r)
        middle = [at + (grip + 0.66 * k + 1.2) * r * way for k in range(4)]
        bases, tips = [m + 1.1 * r * other * side for m in middle], [m - 0.75 * r * other * side for m in middle]
        _grip(fingers, bases, tips, 0.36 * r, way + 0.9 * other * side)

        def mesh(box):
            x, y = box.grid()
            step = 2 * np.pi / max(0.13 * r, 2.2)
            return 1.0 if foam else (0.75 + 0.35 * np.sin(x * step) * np.sin(y * step))[..., None]

        return [
            _relief_layer(bar, look, rng, np.full(3, color), blur, 0.25),
            _relief_layer(ball, look, rng, head, blur, 0.0 if foam else 0.2, mesh),
            _relief_layer(fingers, look, rng, skin, blur, 0.04, smooth=0.05 * r),
        ]

    return draw


def _boom(place: Place, look: Look, rng):
    side = rng.choice([-1, 1])
    ear, corner = (0, 48) if side < 0 else (16, 54)
    end = place.points[corner] + rng.normal(0, 0.06 * place.unit, 2) + [0, 0.08 * place.unit]
    cheek = place.points[4 if side < 0 else 12]
    line = curve([place.points[ear], cheek * 0.6 + end * 0.4, end], 24)
    width, ball = place.unit * rng.uniform(0.02, 0.05), place.unit * rng.uniform(0.06, 0.14)
    color = np.full(3, 0.03) if rng.random() < 0.8 else look.tone * 0.9

    def draw(size):
        bar = Relief(place.size)
        for a, b in zip(line[:-1], line[1:]):
            bar.capsule(a, b, width * size**0.5 / 2 + 0.6, width * size**0.5 / 2 + 0.6)
        way = line[-1] - line[-3]
        way = way / max(np.linalg.norm(way), 1e-6)
        bar.capsule(end, end + way * ball * size, ball * size, 0.8 * ball * size)
        return [_relief_layer(bar, look, rng, color, 0.6, 0.15)]

    return draw


def _studio(place: Place, look: Look, rng):
    at, turn, unit = _spot(place, rng) + [0, 0.15 * place.unit], rng.normal(0, 0.5), place.unit
    shield, blur = rng.random() < 0.5, rng.uniform(0.6, 1.8)
    shift = rng.normal(0, 0.25 * unit, 2)
    metal = rng.uniform(0.03, 0.5)

    def draw(size):
        r, way = 0.3 * unit * size, _way(turn)
        body = Relief(place.size)
        body.capsule(at, at + 3 * r * way, r, r)
        body.capsule(at + 4 * r * way, at + 14 * r * way, 0.2 * r, 0.2 * r)

        def mesh(box):
            x, y = box.grid()
            far = (x - at[0]) * way[0] + (y - at[1]) * way[1]
            net = 0.7 + 0.3 * np.sin(x * 2.4) * np.sin(y * 2.4)
            return np.where(far < 1.3 * r, net, np.where(far < 1.5 * r, 0.4, 1.1))[..., None]

        layers = [_relief_layer(body, look, rng, np.full(3, metal), blur, 0.3, mesh)]
        if shield:
            disc, ring = canvas(place.size), canvas(place.size)
            angle = np.linspace(0, 2 * np.pi, 40)
            outline = at + shift + 1.9 * r * np.column_stack([0.9 * np.cos(angle), np.sin(angle)])
            fill(disc, outline)
            stroke(ring, outline, 0.14 * r, closed=True)
            dark = plain(np.full(3, 0.02) * look.level)
            layers += [Layer(0.62 * soft(disc, blur), dark, 0.1), Layer(soft(ring, blur), dark, 0.2)]
        return layers

    return draw


def _cup(place: Place, look: Look, rng):
    at, turn, unit = _spot(place, rng, (57, 66, 62, 8)), rng.normal(0, 0.25), place.unit * rng.uniform(0.8, 1.2)
    tall, narrow, tip = rng.uniform(1.0, 1.6), rng.uniform(0.7, 1.0), rng.uniform(-0.25, 0.3)
    color = cloth_color(rng) if rng.random() < 0.6 else np.full(3, rng.uniform(0.5, 0.85))
    band, blur, skin = cloth_color(rng), rng.uniform(0.4, 1.3), hand_color(look, rng) / look.level
    held, other = rng.random() < 0.6, rng.choice([-1, 1])

    def draw(size):
        r, way = 0.45 * unit * size, _way(turn)
        side = np.array([way[1], -way[0]])
        angle = np.linspace(0, np.pi, 20)[:, None]
        bottom = at + 2 * tall * r * way
        top_arc = at + r * np.cos(angle) * side + tip * r * np.sin(angle) * -way
        low_arc = bottom - narrow * r * np.cos(angle) * side + abs(tip) * narrow * r * np.sin(angle) * way
        drawn = canvas(place.size)
        fill(drawn, np.concatenate([top_arc, low_arc]))
        fingers = Relief(place.size)
        middle = [at + (0.5 + 0.5 * k) * r * way for k in range(4)]
        bases, tips = [m + 1.2 * r * other * side for m in middle], [m - 0.1 * r * other * side for m in middle]
        _grip(fingers, bases, tips, 0.26 * r, way + 0.7 * other * side)

        def paint(box):
            x, y = box.grid()
            x, y = x - at[0], y - at[1]
            across, along = (x * side[0] + y * side[1]) / r, (x * way[0] + y * way[1]) / (2 * tall * r)
            across = np.clip(across, -1, 1)
            facing = np.sqrt(np.maximum(1 - across**2, 0))
            shade = 0.4 + 0.7 * np.clip(facing * look.light[2] + across * (look.light[:2] @ side), 0, 1)
            middle = ((along > 0.3) & (along < 0.75))[..., None]
            base = np.where(middle, band, color) * (1 + 0.25 * np.exp(-60 * along**2))[..., None]
            return base * look.level * shade[..., None] * grain(rng, box, 5, 0.05)

        layers = [Layer(soft(drawn, blur), paint, 0.45, 0.05 * unit, look.towards(0.06 * unit))]
        return layers + ([_relief_layer(fingers, look, rng, skin, blur, 0.04, smooth=0.03 * r)] if held else [])

    return draw


def _phone(place: Place, look: Look, rng):
    at, turn, unit = _spot(place, rng, (*_MOUTH, 30, 2, 14, 41, 46)), rng.normal(0, 0.5), place.unit
    turn += np.pi / 2 if rng.random() < 0.15 else 0.0
    color = np.full(3, rng.uniform(0.01, 0.05)) if rng.random() < 0.6 else cloth_color(rng)
    blur, skin = rng.uniform(0.4, 1.3), hand_color(look, rng) / look.level
    held, other = rng.random() < 0.8, rng.choice([-1, 1])
    screen = rng.random() < 0.2

    def draw(size):
        w, h, way = 0.42 * unit * size, 0.85 * unit * size, _way(turn)
        side = np.array([way[1], -way[0]])
        angle = np.linspace(0, 2 * np.pi, 60)
        x, y = (np.sign(f(angle)) * np.abs(f(angle)) ** 0.25 for f in (np.cos, np.sin))
        middle = at + 0.25 * h * way

        def at_plane(u, v):
            return middle + np.multiply.outer(u * w, side) + np.multiply.outer(v * h, way)

        body, extra, fingers = canvas(place.size), canvas(place.size), Relief(place.size)
        fill(body, at_plane(x, y))
        if screen:
            fill(extra, at_plane(0.9 * x, 0.93 * y))
        else:
            fill(extra, at_plane(-0.6 * other + 0.28 * x, -0.75 + 0.17 * y))
            for v in (-0.82, -0.68):
                fill(extra, at_plane(-0.6 * other + 0.13 * np.cos(angle), v + 0.065 * np.sin(angle)), 90)
        bases = [at_plane(1.2 * other, 0.1 + 0.22 * k) for k in range(4)]
        tips = [at_plane((0.3 + 0.1 * abs(k - 1)) * other, 0.22 * k) for k in range(4)]
        _grip(fingers, bases, tips, 0.19 * w, way + 0.5 * other * side)
        fingers.capsule(at_plane(-1.35 * other, 0.7), at_plane(-0.85 * other, 0.0), 0.26 * w, 0.2 * w, 0.2 * w)

        def paint(box):
            inner = soft(box.cut(extra), 0.5)[..., None]
            other_color = random_texture(rng, box.size) if screen else np.full(3, 0.05)
            base = color + inner * (other_color - color) * (1.0 if screen else 0.8)
            shine = np.clip(smooth_noise(rng, box.size, 3), 0, 1) * 0.06
            return (base * grain(rng, box, 3, 0.1) + shine) * look.level

        layers = [Layer(soft(body, blur), paint, 0.45, 0.06 * unit, look.towards(0.08 * unit))]
        return layers + ([_relief_layer(fingers, look, rng, skin, blur, 0.04, smooth=0.04 * w)] if held else [])

    return draw


def _stick(place: Place, look: Look, rng):
    """A pen, a cigarette, a straw, a fork, a brush."""
    at, turn, unit = _spot(place, rng, (57, 66, 62, 48, 54, 33, 41, 46)), rng.uniform(-1.8, 1.8), place.unit
    long, thick = rng.uniform(0.6, 2.2), rng.uniform(0.03, 0.08)
    colors = [cloth_color(rng) if rng.random() < 0.5 else np.full(3, rng.uniform(0.5, 0.85)) for _ in range(2)]
    split, skin, held = rng.uniform(0.2, 0.8), hand_color(look, rng) / look.level, rng.random() < 0.6

    def draw(size):
        way, r = _way(turn), thick * unit * size + 0.5
        side = np.array([way[1], -way[0]])
        end = at + long * unit * size * way
        cut = at + split * (end - at)
        parts = [Relief(place.size) for _ in range(3)]
        parts[0].capsule(at, cut, 0.85 * r, r)
        parts[1].capsule(cut, end, r, r)
        f = 0.1 * unit * size
        parts[2].capsule(cut - 0.2 * f * side, end + 5 * f * (way + 0.4 * side), f, 1.1 * f)
        parts[2].capsule(cut + 1.2 * f * side, end + 5 * f * (way + 1.2 * side), f, 1.2 * f)
        parts[2].capsule(end + 5 * f * (way + 0.7 * side), end + 22 * f * (way + side), 3.2 * f, 4.5 * f)
        layers = [_relief_layer(p, look, rng, c, 0.6, 0.2) for p, c in zip(parts, colors)]
        return layers + ([_relief_layer(parts[2], look, rng, skin, 0.6, 0.04, smooth=0.3 * f)] if held else [])

    return draw


def _food(place: Place, look: Look, rng):
    """A lumpy thing of a warm colour: bread, fruit, ice cream."""
    at, unit, seed = _spot(place, rng, (57, 66, 62, 48, 54)), place.unit, int(rng.integers(2**31))
    radii, turn = rng.uniform(0.2, 0.5, 2), rng.uniform(0, np.pi)
    color = np.array([[0.5, 0.28, 0.1], [0.6, 0.1, 0.05], [0.7, 0.55, 0.3], [0.3, 0.45, 0.08], [0.75, 0.68, 0.55]])
    color, rough = color[rng.integers(5)] * rng.uniform(0.5, 1.2), rng.uniform(0.02, 0.2)

    def draw(size):
        shape = blob(place.size, at, radii * unit * size, turn, np.random.default_rng(seed))
        alpha = soft(shape, 0.8)

        def paint(box):
            depth = cv2.distanceTransform((box.cut(alpha) > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
            reach = max(float(depth.max()), 1.0)
            depth = np.sqrt(np.clip(depth / reach * (2 - depth / reach), 0, 1)) * reach
            relief = Relief(place.size)
            relief.height[box.top : box.bottom, box.left : box.right] = depth
            normals = relief.normals(box, 3.0)
            spots = np.exp(rough * octaves(rng, box.size, 14, 3) + 0.1 * octaves(rng, box.size, 4, 1))
            shade = lambert(normals, look.light, 0.4) * spots
            return color * look.level * shade + 0.15 * look.level * gloss(normals, look.light, 20)

        return [Layer(alpha, paint, 0.45, 0.06 * unit, look.towards(0.06 * unit))]

    return draw


def blob(size, at, radii, turn: float, rng) -> np.ndarray:
    """(H, W) uint8: an oval with a wavy outline."""
    angle = np.linspace(0, 2 * np.pi, 64)
    waves = sum(rng.normal(0, 0.12 / k) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(2, 7))
    points = np.column_stack([np.cos(angle), np.sin(angle)]) * (1 + waves)[:, None] * radii
    drawn = canvas(size)
    fill(drawn, at + points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]))
    return drawn
