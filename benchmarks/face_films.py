"""Rendered films of one person, all about them known: what a camera's next frames would show of a seed's head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model.activations import sample_activations
from training.face_model.ict import SKIN_VERTICES
from training.faces import light as lighting
from training.faces.generator import FaceGenerator, Rendered
from training.faces.head import sample_view
from training.faces.occluders import occlude, place_of
from training.faces.sensor import as_photographed

_SIZE, _NEAR = (480, 640), (0.45, 0.66)
#: Seconds between two expressions that a talking face goes through, and their strength.
_SYLLABLE, _STRENGTH = 0.4, 0.6
_MOST_SYLLABLES = 64


@dataclass(frozen=True)
class Instant:
    """A moment of a film. time: seconds; yaw, pitch, roll: degrees; talks: or the face rests with one expression;
    hand: whether one is before the face; grain: number of the sensor's noise."""

    time: float
    yaw: float
    pitch: float
    roll: float
    talks: bool
    hand: bool
    grain: int


class Films(FaceGenerator):
    """Pictures of a seed's head by instants: one camera, light, hair and skin; other pose, expression and noise.

    size: (width, height) of the pictures.
    """

    size = _SIZE[::-1]

    def at(self, seed: int, instant: Instant) -> Rendered:
        """The picture (480, 640) of an instant."""
        streams = [np.random.default_rng([seed, stream]) for stream in range(6)]
        identity = streams[0].standard_normal(len(self.heads.ict.identity))
        shape = self.heads.shape(identity, self._activations(seed, instant.time if instant.talks else 0.0))
        angles = instant.yaw, instant.pitch, instant.roll
        view = sample_view(streams[1], _SIZE, *angles, _NEAR)
        R, t = self.heads.pose(shape.neutral, view)
        picture, face, hair, height, normals = self._picture(shape, view, streams[2], streams[5])
        occluder = np.zeros(face.shape, bool)
        if instant.hand:
            landmarks = place_of(shape.head[self.heads.ict.landmarks68], view)
            hand = np.random.default_rng([seed, 3, instant.grain])
            picture, occluder = occlude(picture, face, landmarks, hand, None, "hand")
        coded = lighting.exposed(picture, face, streams[4])
        image = as_photographed(coded, _Sensor(seed, instant.grain), 1.0)
        skin, ours, neutral = (
            view.place(points).astype(np.float32) for points in (shape.head[:SKIN_VERTICES], shape.ours, shape.neutral)
        )
        who = (identity, shape.expression)
        return Rendered(
            image, view.camera, skin, ours, neutral, R, t, *angles, *who, face, occluder, hair, height, normals
        )

    def _activations(self, seed: int, time: float) -> np.ndarray:
        """(53,) of a face that goes smoothly from one random expression to the next."""
        rng = np.random.default_rng([seed, 6])
        expressions = _STRENGTH * sample_activations(self.heads.ict.names, _MOST_SYLLABLES, rng)
        before, part = divmod(time / _SYLLABLE, 1.0)
        share = 0.5 - 0.5 * np.cos(np.pi * part)
        before = int(before) % (_MOST_SYLLABLES - 1)
        return (1 - share) * expressions[before] + share * expressions[before + 1]


class _Sensor:
    """Chance for `as_photographed`: one camera's faults, but fresh noise in each frame."""

    def __init__(self, seed: int, grain: int):
        self._camera, self._noise = np.random.default_rng([seed, 4, 1]), np.random.default_rng([seed, 7, grain])

    def __getattr__(self, name):
        return getattr(self._noise if name == "standard_normal" else self._camera, name)


def sweep(count: int, seconds: float = 3.0) -> list[Instant]:
    """A talking head that turns from the front to 60 degrees, to -60 and back, while a hand passes in between."""
    instants = []
    for n in range(count):
        part = n / count
        turn = 2 * np.pi * part
        hand = 0.6 <= part < 0.75
        instants.append(
            Instant(seconds * part, 60 * np.sin(turn), 6 * np.sin(2 * turn), 4 * np.sin(3 * turn), True, hand, n)
        )
    return instants


def frontal(count: int, seconds: float = 3.0) -> list[Instant]:
    """A talking head that keeps looking ahead, but for a few degrees; a hand passes."""
    return [Instant(i.time, i.yaw / 15, i.pitch / 2, i.roll / 4, True, i.hand, i.grain) for i in sweep(count, seconds)]


def still(count: int, yaw: float, rate: float = 30.0) -> list[Instant]:
    """A head that keeps its expression and moves as little as heads do: by half a degree, in a second."""
    turns = 2 * np.pi * np.arange(count) / rate
    return [
        Instant(n / rate, yaw + 0.5 * np.sin(turn), 0.3 * np.cos(turn), 0.0, False, False, n)
        for n, turn in enumerate(turns)
    ]
