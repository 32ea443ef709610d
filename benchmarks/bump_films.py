"""Rendered films with the relief's truth, kept in files: rendering takes longer than all that is done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.face_films import Films, Instant, frontal, still
from benchmarks.film_records import kept
from extreme3d_ros.camera import Camera

#: Frames of a film, at so many a second.
FRAMES, RATE = 31, 30.0
#: Degrees a second of the slowly turning head; from -30 degrees to 30 in 3 s, of which each person shows a third.
_TURN = 20.0
#: Frames in which a hand is before the face.
HAND = range(12, 19)
#: Yaws of the still heads, degrees.
_STILL_YAWS = 0.0, 20.0, -35.0

#: By name, the film of the n-th person.
FILMS: dict[str, Callable[[int], list[Instant]]] = {
    "still": lambda n: still(FRAMES, _STILL_YAWS[n % len(_STILL_YAWS)], RATE),
    "turning": lambda n: _turning(-30.0 + _TURN * (n % 3)),
    "talking": lambda n: frontal(int(3 * RATE))[:FRAMES],
    "hand": lambda n: [replace(i, hand=frame in HAND) for frame, i in enumerate(still(FRAMES, 5.0, RATE))],
}
_KEPT = ("image", "vertices", "face", "occluder", "hair", "height", "normals")


@dataclass(frozen=True)
class Shot:
    """What of a `Rendered` tells the bump's truth."""

    image: np.ndarray
    camera: Camera
    vertices: np.ndarray
    face: np.ndarray
    occluder: np.ndarray
    hair: np.ndarray
    height: np.ndarray
    normals: np.ndarray


class Shots:
    """Films of seeds, from `folder` where they are there already."""

    def __init__(self, folder: Path):
        self._folder = folder

    @cached_property
    def _films(self) -> Films:
        return Films()

    def __call__(self, seed: int, name: str, n: int) -> Iterator[Shot]:
        """The frames of a film of FILMS, of the n-th person."""
        data = kept(self._folder / f"{seed}-{name}.npz", lambda: self._recorded(seed, FILMS[name](n)))
        height, width = data["image"].shape[1:3]
        for number, K in enumerate(data["K"]):
            values = {key: data[key][number] for key in _KEPT}
            values |= {key: values[key].astype(np.float32) for key in ("height", "normals")}
            yield Shot(camera=Camera(K, width, height), **values)

    def _recorded(self, seed: int, instants: list[Instant]) -> list[dict]:
        rows = []
        for instant in instants:
            made = self._films.at(seed, instant)
            row = {key: getattr(made, key) for key in _KEPT}
            row |= {"normals": made.normals.astype(np.float16), "K": made.camera.K}
            rows.append(row)
        return rows


def _turning(first: float) -> list[Instant]:
    """A head at rest but for its yaw, from `first` degrees on."""
    return [Instant(n / RATE, first + _TURN * n / RATE, 0.0, 0.0, False, False, n) for n in range(FRAMES)]
