"""The paint of a head: skin with its variation, brows, lips, lashes, beard, moles, eyes, hair, cloth."""

from __future__ import annotations

import cv2
import numpy as np

from training.face_model.ict import Ict
from training.face_model.render import EYE_PART, INNER_PART, IRIS, TEETH_PART, TONES, HeadPainter, blend, step
from training.faces import atlas as fields
from training.faces.atlas import Atlas, look_up
from training.faces.hair import Hair
from training.faces.noise import octaves, smooth_noise

_TONES = TONES**1.8
_NOISE, _MOLES = 384, 1024


class SkinPaint:
    """Paints pixels of heads; holds the atlas."""

    def __init__(self, ict: Ict, painter: HeadPainter):
        self._atlas = Atlas(ict, painter)
        self._pupils = painter.pupils

    def __call__(self, place, uv, part, hair_depth, hair: Hair, rng):
        """Linear albedo (P, 3), bumps (P, 2) to add to normals, whether a pixel is the face's (P,), and whether hair
        of the head covers it (P,).

        place: (P, 3) on the neutral head, metres; uv: (P, 2); part: (P,) kinds of render.py; hair_depth: (P,) metres.
        """
        at = self._atlas.at(uv)
        tone = _tone(rng)
        color, bumps, grain = _skin(tone, place, uv, at, rng)
        color = _made_up(_lips(color, tone, at, rng), place, at, rng)
        color = self._hairs(color, tone, hair, place, at, grain, rng)
        color = blend(color, tone * 0.08, step(at[:, fields.NOSTRIL], 0.010, 0.004))
        strands = np.exp(hair.streaks * grain[:, 1])[:, None]
        cap = step(-hair_depth, 0.003 * grain[:, 0], 0.002)
        color = blend(color, hair.color * strands, cap)
        cloth = rng.uniform(0.01, 0.7) * rng.uniform(0.6, 1.0, 3)
        color = blend(color, cloth, (place[:, 1] < -0.118 - 0.5 * (place[:, 2] - 0.04)) & (place[:, 1] < -0.08))
        color[part == INNER_PART] = np.array([0.10, 0.02, 0.018]) * rng.uniform(0.5, 1.5)
        color[part == TEETH_PART] = np.array([0.62, 0.56, 0.46]) * rng.uniform(0.5, 1.1)
        eye = part == EYE_PART
        color[eye] = self._eyes(place[eye], rng)
        head = (at[:, fields.FACE] < 1.0) & (uv[:, 0] >= 0)
        return np.clip(color, 0.0, 1.0), bumps, head | (part != 0), (cap > 0.5) & (part == 0)

    def _hairs(self, color, tone, hair: Hair, place, at, grain, rng):
        """Brows, lashes, and beard or stubble on three men of ten."""
        dark = hair.color * rng.uniform(0.4, 1.0) + tone * 0.04
        outwards = at[:, fields.OUTWARDS]
        thickness = rng.uniform(0.0022, 0.0056) * (1.1 - 0.55 * outwards) * (1 + 0.12 * grain[:, 1])
        brow = step(at[:, fields.BROW], thickness, 0.0015)
        color = blend(color, dark, rng.uniform(0.35, 0.95) * brow * np.clip(0.9 + 0.15 * grain[:, 1], 0, 1))
        lash = step(at[:, fields.LASH], rng.uniform(0.0006, 0.0014), 0.0007)
        color = blend(color, dark * 0.3, rng.uniform(0.3, 0.9) * lash)
        kind = rng.random()
        if kind < 0.35:  # stubble is a shade, a beard is hair
            density = rng.uniform(0.1, 0.5) if kind < 0.2 else rng.uniform(0.6, 0.95)
            worn = at[:, fields.BEARD] * _beard_style(place, rng)
            color = blend(color, dark, np.clip(density * worn * (1 + 0.25 * grain[:, 1]), 0, 1))
        return color

    def _eyes(self, place, rng):
        """Sclera, iris and pupil, both turned by the same gaze."""
        gaze = rng.normal(0, [0.0030, 0.0016]).clip(-0.006, 0.006)
        offset = place[:, None, :2] - (self._pupils[:, :2] + gaze)
        radius = np.sqrt((offset**2).sum(2)).min(1)
        color = np.tile(np.array([0.62, 0.58, 0.55]) * rng.uniform(0.7, 1.1), (len(place), 1))
        iris = IRIS[rng.choice(len(IRIS))] ** 1.5 * rng.uniform(0.5, 1.5)
        color = blend(color, iris, step(radius, rng.uniform(0.0055, 0.0062), 0.0004))
        color = blend(color, np.full(3, 0.008), step(radius, rng.uniform(0.0015, 0.0032), 0.0003))
        spot = np.hypot(*(offset.min(1) - rng.normal(0, 0.002, 2)).T)
        return blend(color, np.full(3, 0.95), step(spot, rng.uniform(0.0004, 0.0010), 0.0003))


def _tone(rng):
    a, b = rng.choice(len(_TONES), 2)
    tone = _TONES[a] + (_TONES[b] - _TONES[a]) * rng.random()
    return tone * np.exp(rng.normal(0, [0.06, 0.05, 0.07]))


def _skin(tone, place, uv, at, rng):
    """Albedo (P, 3), bumps (P, 2) and the fine grain (P, 2) along and across the face."""
    size = (_NOISE, _NOISE)
    slow = octaves(rng, size, rng.uniform(3, 7), 3, channels=2)
    fine = smooth_noise(rng, size, 190, 2)
    moles = _moles(rng)
    noise = look_up(np.concatenate([slow, fine], axis=2), uv)
    # Strands run from the crown downwards, on the skin and on the back of the head alike.
    around = np.arctan2(place[:, 0], place[:, 2] - 0.02)
    grain = look_up(fine, np.column_stack([1.3 * around, 2.5 * place[:, 1]]) % 1.0)
    shade = np.exp(rng.uniform(0.02, 0.10) * noise[:, :1] + rng.uniform(0.0, 0.06) * noise[:, 2:3])
    red = rng.uniform(0.0, 0.06) * noise[:, 1]
    # Redder cheeks, nose and ears.
    blush = np.exp(-(((place - [0.0, 0.005, 0.11]) / [0.05, 0.02, 0.04]) ** 2).sum(1)) * rng.uniform(0, 1.6) + red
    color = tone * shade * (1 + blush[:, None] * [0.07, -0.09, -0.08])
    under = np.exp(-((np.abs(place) - [0.032, 0.018, 0.088]) ** 2 / [1.2e-4, 2.5e-5, 1e-3]).sum(1))
    color = color * (1 - rng.uniform(0.0, 0.3) * under[:, None] * [0.7, 1.0, 0.8])  # shadows under the eyes
    spots = look_up(moles, uv)[:, 0] / 255.0
    color = blend(color, tone * [0.35, 0.22, 0.16], spots)
    bumps = rng.uniform(0.0, 0.07) * noise[:, 2:4] + rng.uniform(0.0, 0.05) * noise[:, :2]
    return color.astype(np.float32), bumps.astype(np.float32), grain


def _lips(color, tone, at, rng):
    shade = np.array([0.78, 0.36, 0.36]) * np.exp(rng.normal(0, [0.08, 0.15, 0.15]))
    strength = rng.uniform(0.3, 0.9)
    if rng.random() < 0.15:  # lipstick
        shade, strength = rng.uniform([0.5, 0.05, 0.1], [1.2, 0.3, 0.4]), rng.uniform(0.6, 0.95)
    color = blend(color, tone * shade, strength * at[:, fields.LIP])
    return blend(color, tone * [0.25, 0.06, 0.06], at[:, fields.INNER_LIP])


def _beard_style(place, rng):
    """(P,) 0..1: full, moustache, goatee or both."""
    style = rng.random()
    across, y = np.abs(place[:, 0]), place[:, 1]
    lip = step(across, 0.030, 0.003) * step(y, -0.012, 0.002) * step(-y, 0.030 + 0.3 * across, 0.002)
    chin = step(across, rng.uniform(0.016, 0.030), 0.003) * step(y, -0.040, 0.003)
    return (np.ones_like(y), lip, chin, np.maximum(lip, chin))[np.searchsorted([0.55, 0.7, 0.8, 1.0], style)]


def _made_up(color, place, at, rng):
    """Eye shadow and liner on some; a stroke of paint, a tattoo or dirt on few."""
    if rng.random() < 0.2:
        lid = np.exp(-(((np.abs(place[:, :2]) - [0.034, 0.042]) / [0.016, 0.006]) ** 2).sum(1)) * (place[:, 2] > 0.05)
        color = blend(color, color * rng.uniform([0.2, 0.1, 0.1], [0.9, 0.8, 1.0]), rng.uniform(0.2, 0.9) * lid)
        color = blend(color, np.full(3, 0.01), rng.uniform(0, 0.9) * step(at[:, fields.LASH], 0.0016, 0.0008))
    for _ in range(rng.integers(1, 4) if rng.random() < 0.15 else 0):
        start, way = rng.uniform([-0.05, -0.06], [0.05, 0.09]), rng.normal(0, 0.012, 2)
        off = place[:, :2] - start
        along = np.clip(off @ way / (way @ way), 0, 1)
        distance = np.linalg.norm(off - along[:, None] * way, axis=1) + 1e3 * (place[:, 2] < 0.03)
        paint = rng.uniform(0.0, 0.6) * rng.uniform(0.3, 1.0, 3)
        color = blend(color, paint, rng.uniform(0.3, 0.9) * step(distance, rng.uniform(0.0004, 0.0025), 0.0006))
    return color


def _moles(rng):
    """(_MOLES, _MOLES, 1) uint8 strength of moles and freckles on the uv square."""
    image = np.zeros((_MOLES, _MOLES), np.uint8)
    few, many = rng.integers(0, 8), rng.integers(60, 500) if rng.random() < 0.15 else 0
    for radius, strength, count in ((3, 230, few), (1, rng.integers(40, 110), many)):
        for u, v in rng.uniform([0.2, 0.25], [0.8, 0.9], (count, 2)) * _MOLES:
            cv2.circle(image, (int(u), int(v)), int(rng.integers(1, radius + 1)), int(strength), -1, cv2.LINE_AA)
    return image[..., None]
