"""What of the faces seen enters a gallery of references (Sec. 4.2), and whether a gallery is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from extreme3d_ros.records import VISIBLE, Crop, Foundation, Observation
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.gallery_writer import unit_or_zero
from extreme3d_ros.references.viewpoint import direction_of

#: An object hides less than this of a reference, and the face is surer than this to be one.
_HIDDEN, _SURE = 0.2, 0.5
#: The least share of a skin's texels that a reference shows.
_LEAST_SEEN = 0.05


class Unfit(Exception):
    """An observation that is no reference; the message says why, in a few words."""


@dataclass(frozen=True)
class Entry:
    """skin: (S, S) float32 metres along the normal, NaN where not seen; direction: (3,) unit; feature: (F,) unit."""

    skin: np.ndarray
    direction: np.ndarray
    feature: np.ndarray


class EntryMaker:
    """Makes entries of observations.

    unwrap: `stages.unwrapping.Unwrapping` of the face model; feature: of `identity`.
    """

    def __init__(self, unwrap: Callable[..., np.ndarray], feature: Callable[[Crop, Foundation], np.ndarray]):
        self._unwrap, self._feature = unwrap, feature

    def __call__(self, seen: Observation) -> Entry:
        """The face's bump as it was seen, before hole filling. Raises Unfit."""
        if seen.layers.occluded_fraction >= _HIDDEN:
            raise Unfit("partly hidden")
        if seen.confidence <= _SURE:
            raise Unfit("not surely a face")
        visible = seen.layers.occlusion == VISIBLE
        skin = self._unwrap(seen.foundation, seen.crop, seen.surface, seen.layers.bump, visible)
        if np.isfinite(skin).mean() <= _LEAST_SEEN:
            raise Unfit("too little of it seen")
        return Entry(skin, direction_of(seen.foundation), self._feature(seen.crop, seen.foundation))


def faults(gallery: Gallery) -> Iterator[str]:
    """What is wrong with a gallery's entries; reads all of them, a few at a time.

    Sizes, types and directions were checked when it was opened, and no height that it can hold is not finite.
    """
    for start, skins, features in gallery.pieces():
        faulty = {
            "a feature that is not finite or not of unit length": ~unit_or_zero(features),
            f"no more than {_LEAST_SEEN:.0%} of its skin": np.isfinite(skins).mean((1, 2)) <= _LEAST_SEEN,
        }
        for fault, entries in faulty.items():
            yield from (f"entry {start + index} has {fault}" for index in np.flatnonzero(entries))
