"""Rendered films of one person, all about them known: what a camera's next frames would show of a seed's head.

Writes one: .venv/bin/python -m benchmarks.face_films FILM.avi
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from benchmarks.command import parser_of
from training.face_model.activations import sample_activations
from training.face_model.render import View
from training.faces import light as lighting
from training.faces.generator import FaceGenerator, Rendered
from training.faces.head import Shape, sample_view
from training.faces.occluders import Place, occlude, place_of
from training.faces.sensor import as_photographed

_SIZE, _NEAR = (480, 640), (0.45, 0.66)
#: Seconds between two expressions that a talking face goes through, and their strength.
_SYLLABLE, _STRENGTH = 0.4, 0.6
_MOST_SYLLABLES = 64
#: Frames a second of a film in a file.
_RATE = 15
#: Of the coded picture: a stop is a factor of two before it.
_GAMMA = 2.2


@dataclass(frozen=True)
class Instant:
    """A moment of a film. time: seconds; yaw, pitch, roll: degrees; talks: or the face rests with one expression;
    hand: whether one is before the face; grain: number of the sensor's noise; passing: of a hand that stays the same,
    how far it is from where it touches the face, in distances of the outer eye corners (None: another hand in each
    frame); light: 0..1 on the way from one random light to another (None: the seed's own); stops: of more exposure than
    the camera's metering; blink: 0..1 how far the eyes are closed; aside, back: metres by which the head has moved to
    the right and away."""

    time: float
    yaw: float
    pitch: float
    roll: float
    talks: bool
    hand: bool
    grain: int
    passing: float | None = None
    light: float | None = None
    stops: float = 0.0
    blink: float = 0.0
    aside: float = 0.0
    back: float = 0.0


@dataclass(frozen=True)
class Truth:
    """What a film shows. vertices, neutral: (V, 3) our model's, with and without the expression; R (3, 3), t (3,): the
    pose of our model's frame. Metres, camera frame."""

    vertices: np.ndarray
    neutral: np.ndarray
    R: np.ndarray
    t: np.ndarray


class Films(FaceGenerator):
    """Pictures of a seed's head by instants: one camera, light, hair and skin; other pose, expression and noise.

    size: (width, height) of the pictures.
    """

    size = _SIZE[::-1]

    def at(self, seed: int, instant: Instant) -> Rendered:
        """The picture (480, 640) of an instant."""
        streams = [np.random.default_rng([seed, stream]) for stream in range(6)]
        shape, view = self._scene(seed, instant)
        picture, face, hair, height, normals = self._picture(
            shape, view, streams[2], streams[5], _light(seed, instant.light)
        )
        occluder = np.zeros(face.shape, bool)
        if instant.hand:
            landmarks = place_of(shape.head[self.heads.ict.landmarks68], view)
            picture, occluder = occlude(picture, face, *_hand(seed, instant, landmarks), None, "hand")
        coded = lighting.exposed(picture, face, streams[4]) * 2 ** (instant.stops / _GAMMA)
        image = as_photographed(np.minimum(coded, 1.0), _Sensor(seed, instant.grain), 1.0)
        return self._rendered(image, shape, view, instant.yaw, instant.pitch, face, occluder, hair, height, normals)

    def truth(self, seed: int, instant: Instant) -> Truth:
        """All but the picture."""
        shape, view = self._scene(seed, instant)
        return Truth(view.place(shape.ours), view.place(shape.neutral), *self.heads.pose(shape.neutral, view))

    def _scene(self, seed: int, instant: Instant) -> tuple[Shape, View]:
        """The head and where it is."""
        identity = np.random.default_rng([seed, 0]).standard_normal(len(self.heads.ict.identity))
        activations = self._activations(seed, instant.time if instant.talks else 0.0)
        activations[self._blinking] = np.maximum(activations[self._blinking], instant.blink)
        angles = instant.yaw, instant.pitch, instant.roll
        view = sample_view(np.random.default_rng([seed, 1]), _SIZE, *angles, _NEAR)
        moved = replace(view, t=view.t + np.array([instant.aside, 0.0, instant.back]))
        return self.heads.shape(identity, activations), moved

    @cached_property
    def _blinking(self) -> list[int]:
        return [n for n, name in enumerate(self.heads.ict.names) if name.startswith("eyeBlink")]

    def _activations(self, seed: int, time: float) -> np.ndarray:
        """(53,) of a face that goes smoothly from one random expression to the next."""
        rng = np.random.default_rng([seed, 6])
        expressions = _STRENGTH * sample_activations(self.heads.ict.names, _MOST_SYLLABLES, rng)
        before, part = divmod(time / _SYLLABLE, 1.0)
        share = 0.5 - 0.5 * np.cos(np.pi * part)
        before = int(before) % (_MOST_SYLLABLES - 1)
        return (1 - share) * expressions[before] + share * expressions[before + 1]


def _light(seed: int, share: float | None) -> _Between | None:
    """Chance for the light of an instant."""
    return None if share is None else _Between(*(np.random.default_rng([seed, 8, end]) for end in (0, 1)), share)


def _hand(seed: int, instant: Instant, place: Place) -> tuple[Place, np.random.Generator]:
    """Where the face seems to be to the hand before it, and chance for the hand."""
    if instant.passing is None:
        return place, np.random.default_rng([seed, 3, instant.grain])
    shift = instant.passing * place.unit * np.array([1.0, 0.3])
    return replace(place, points=place.points + shift), np.random.default_rng([seed, 3])


class _Between:
    """Chance that goes smoothly from what one generator would give to what another would."""

    def __init__(self, first: np.random.Generator, second: np.random.Generator, share: float):
        self._ends, self._share = (first, second), share

    def __getattr__(self, name):
        def draw(*arguments, **options):
            first, second = (getattr(end, name)(*arguments, **options) for end in self._ends)
            return (1 - self._share) * first + self._share * second

        return draw


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


def lit(count: int, yaw: float, rate: float = 30.0) -> list[Instant]:
    """A still head under a light that changes to another in the time, while the exposure rises and falls by a stop."""
    return [
        replace(i, light=n / (count - 1), stops=float(np.sin(4 * np.pi * n / count)))
        for n, i in enumerate(still(count, yaw, rate))
    ]


def covered(count: int, yaw: float, rate: float = 30.0) -> list[Instant]:
    """A still head before which a hand passes from side to side, in the middle three fifths of the time."""
    before, passing = count // 5, count - 2 * (count // 5)
    return [
        replace(i, hand=0 <= n - before < passing, passing=3 * (2 * (n - before) / passing - 1))
        for n, i in enumerate(still(count, yaw, rate))
    ]


def turning(count: int, rate: float = 30.0) -> list[Instant]:
    """A head that turns from 30 degrees on one side to the other in the time, with one expression."""
    return [Instant(n / rate, -30 * np.cos(np.pi * n / count), 0.0, 0.0, False, False, n) for n in range(count)]


def shaking(count: int, rate: float = 30.0) -> list[Instant]:
    """A quick nod by 20 degrees either way, twice a second, then as quick a shake."""
    turn = [(20 * np.sin(4 * np.pi * n / rate), n < count // 2) for n in range(count)]
    return [
        Instant(n / rate, 0.0 if nods else angle, angle if nods else 0.0, 0.0, False, False, n)
        for n, (angle, nods) in enumerate(turn)
    ]


def swaying(count: int, rate: float = 30.0) -> list[Instant]:
    """A head that moves to and fro by 4 cm, in a second, and back and forth by 5 cm, in two."""
    turns = 2 * np.pi * np.arange(count) / rate
    return [
        Instant(n / rate, 0.0, 0.0, 0.0, False, False, n, aside=0.04 * np.sin(turn), back=0.05 * np.sin(turn / 2))
        for n, turn in enumerate(turns)
    ]


def talking(count: int, yaw: float, rate: float = 30.0) -> list[Instant]:
    """A still head that talks."""
    return [replace(i, talks=True) for i in still(count, yaw, rate)]


def blinking(count: int, yaw: float, rate: float = 30.0) -> list[Instant]:
    """A still head that blinks once in 100 ms and once in 50 ms."""
    closed = {8 + n: blink for n, blink in enumerate((0.7, 1.0, 0.5))} | {16: 1.0}
    return [replace(i, blink=closed.get(n, 0.0)) for n, i in enumerate(still(count, yaw, rate))]


def main() -> None:
    """Writes a film of a talking head that turns while a hand passes."""
    parser = parser_of("face_films", main.__doc__)
    parser.add_argument("film", help="a file that ends with .avi")
    parser.add_argument("--seed", type=int, default=1_500_002, help="whose head (default 1500002)")
    arguments = parser.parse_args()
    films = Films()
    writer = cv2.VideoWriter(arguments.film, cv2.VideoWriter_fourcc(*"MJPG"), _RATE, films.size)
    for instant in sweep(round(3 * _RATE)):
        writer.write(films.at(arguments.seed, instant).image)
    writer.release()


if __name__ == "__main__":
    main()
