"""Puts things before the face, grown until they hide the wanted share of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.faces.occluders.cloth import mask, scarf
from training.faces.occluders.hands import hand
from training.faces.occluders.hats import hat
from training.faces.occluders.held import microphone
from training.faces.occluders.layers import hidden_by, laid_over
from training.faces.occluders.place import Place, look_of
from training.faces.occluders.spectacles import glasses, sunglasses
from training.faces.occluders.strands import hair
from training.faces.occluders.things import thing

#: Relative frequency of the kinds where none is asked for.
KINDS = {
    "hand": 0.2,
    "sunglasses": 0.17,
    "glasses": 0.15,
    "hair": 0.14,
    "hat": 0.1,
    "microphone": 0.07,
    "mask": 0.07,
    "scarf": 0.03,
    "thing": 0.07,
}
_MAKERS = {make.__name__: make for make in (hand, sunglasses, glasses, hair, hat, microphone, mask, scarf, thing)}
#: What is worn lies on the head, nearest first; all else is before it.
_ORDER = ("hair", "glasses", "sunglasses", "mask", "scarf", "hat", "microphone", "thing", "hand")
#: How many times its natural size a thing is at most: what is worn hardly varies.
_WORN = {"sunglasses": 1.3, "glasses": 1.1, "mask": 1.4, "scarf": 1.5, "hat": 1.5, "hair": 1.5}
_LARGEST, _HALVINGS, _COARSE = 5.0, 8, 0.5
#: How often a second thing comes along where neither share nor kind are asked for.
_SECOND = 0.25


def occlude(picture: np.ndarray, face: np.ndarray, place: Place, rng, share: float | None, kind: str | None = None):
    """The picture with something before the face, and what it hides: (H, W) bool.

    picture: (H, W, 3) linear RGB; face: (H, W) bool; share: of the face's pixels to hide, None: each thing's natural
    size; kind: of KINDS, None: a random one, without a share sometimes two.
    """
    if share is not None:
        return _occlude_share(picture, face, place, rng, share, kind or _some_kind(rng))
    kinds = [kind or _some_kind(rng)]
    if kind is None and rng.random() < _SECOND:
        kinds = sorted({*kinds, _companion(kinds[0], rng)}, key=_ORDER.index)
    look, hidden = look_of(picture, face, place, rng), np.zeros(place.size, bool)
    for name in kinds:
        layers = _MAKERS[name](place, look, rng)(
            rng.uniform(0.85, 1.15) if name not in _WORN else rng.uniform(0.95, 1.08)
        )
        picture = laid_over(picture, layers)
        hidden |= hidden_by(layers, place.size)
    return picture, hidden


def _some_kind(rng) -> str:
    chances = np.array(list(KINDS.values()))
    return str(rng.choice(list(KINDS), p=chances / chances.sum()))


def _companion(kind: str, rng) -> str:
    """A second kind that may be worn or held with the first."""
    while True:
        other = _some_kind(rng)
        if other != kind and {kind, other} not in ({"glasses", "sunglasses"}, {"mask", "scarf"}):
            return other


def _occlude_share(picture, face, place: Place, rng, share: float, kind: str):
    look, hidden = look_of(picture, face, place, rng), np.zeros(place.size, bool)
    for _ in range(4):
        seed = int(rng.integers(2**31))
        largest = _WORN.get(kind, _LARGEST)
        layers = _grown(_MAKERS[kind], place, look, seed, hidden, face, share, largest)
        picture = laid_over(picture, layers)
        hidden |= hidden_by(layers, place.size)
        if np.count_nonzero(hidden[face]) > (share - 0.03) * np.count_nonzero(face):
            break
        kind = "thing"  # what the first kind couldn't hide, another thing does
    return picture, hidden


def _grown(maker: Callable, place: Place, look, seed: int, hidden, face, share: float, high: float):
    """The layers of the size at which share of the face is hidden, together with what hides it already; the size is
    found in a smaller picture."""
    small = place.scaled(_COARSE)
    y, x = (np.minimum((np.arange(s) / _COARSE).astype(int), n - 1) for s, n in zip(small.size, place.size))
    face, hidden = face[np.ix_(y, x)], hidden[np.ix_(y, x)]
    draw, low = maker(small, look, np.random.default_rng(seed)), 0.02
    wanted = share * np.count_nonzero(face)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        covered = np.count_nonzero((hidden_by(draw(middle), small.size) | hidden)[face])
        low, high = (middle, high) if covered < wanted else (low, middle)
    return maker(place, look, np.random.default_rng(seed))(low)
