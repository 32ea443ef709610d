"""Faces seen clear and covered: rendered persons at several moments, and pictures of any face with a blob before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import CROP_SIZE, VISIBLE, Frame, Observation
from extreme3d_ros.stages.crop import resample
from training.augmentation import torn_off
from training.bump.truth import on_crop
from training.faces.generator import FaceGenerator, Wish

KINDS = ("sunglasses", "hand", "mask", "blob")
AGO, DAY = "a second ago", "another day"
#: Other days that the person's own skin comes from; and of a second ago, degrees of yaw and pitch away, and the part
#: of the expression.
_DAYS = 4
_SECONDS = ((-12, 3, 0.8), (-5, -4, 0.9), (6, 2, 1.0), (12, -3, 0.8))
#: Holes are so much wider than the thing, pixels: as a segmenter would have them.
_GROWN = 4


@dataclass(frozen=True)
class Covered:
    """A clear face, the crop with something before it, and what that hides: (512, 512) bool."""

    clear: Observation
    image: np.ndarray
    hole: np.ndarray


class Persons:
    """Rendered persons, and other pictures, as the fast path sees them."""

    def __init__(self, model: FaceModel):
        self._fast = FastPath(model)

    @cached_property
    def _generator(self) -> FaceGenerator:
        return FaceGenerator()

    def seen(self, image: np.ndarray, camera: Camera | None = None) -> Observation | None:
        """The largest face of a picture."""
        found = self._fast(Frame(image, camera) if camera else frame_of(image))
        return found[0] if found else None

    def moments(self, seed: int) -> dict[str, list[Observation]]:
        """A rendered person on other days, and a second ago."""
        made = self._generator(seed, _wish(0))
        ago = [
            replace(_wish(0), yaw=made.yaw + yaw, pitch=made.pitch + pitch, expressive=part)
            for yaw, pitch, part in _SECONDS
        ]
        days = [_wish(day) for day in range(1, _DAYS + 1)]
        made = {name: [self._generator(seed, one) for one in moments] for name, moments in ((DAY, days), (AGO, ago))}
        return {
            name: [seen for one in pictures if (seen := self.seen(one.image, one.camera)) is not None]
            for name, pictures in made.items()
        }

    def covered(self, seed: int, kind: str) -> Covered | None:
        """A rendered person behind something of KINDS."""
        made = self._generator(seed, _wish(0))
        clear = self.seen(made.image, made.camera)
        if clear is None:
            return None
        if kind == "blob":
            return blotted(clear, seed)
        thing = self._generator(seed, _wish(0, kind))
        image = resample(thing.image, clear.crop.crop_to_image, CROP_SIZE)
        return _covered(clear, image, on_crop(thing.occluder, clear.crop))


def _wish(moment: int, kind: str | None = None) -> Wish:
    """A clear picture, or one with something before the face."""
    share = 0.0 if kind is None else None
    return Wish(size=(480, 480), share=share, kind=kind, most_yaw=35.0, most_pitch=15.0, near=(0.6, 0.8), moment=moment)


def blotted(clear: Observation, seed: int) -> Covered | None:
    """A face of any picture with a grey blob of random shape before its middle."""
    rng = np.random.default_rng([seed, 5])
    rows, columns = clear.surface.box
    blob = np.zeros((CROP_SIZE, CROP_SIZE), bool)
    size = max(rows.stop - rows.start, columns.stop - columns.start)
    torn = cv2.resize(torn_off(size, rng).astype(np.uint8), (columns.stop - columns.start, rows.stop - rows.start))
    blob[rows, columns] = torn > 0
    return _covered(clear, np.where(blob[..., None], np.uint8(110), clear.crop.image), blob)


def _covered(clear: Observation, image: np.ndarray, thing: np.ndarray) -> Covered | None:
    """None where the thing hides next to nothing of the face, or next to all of it."""
    hole = cv2.dilate(thing.astype(np.uint8), np.ones((2 * _GROWN + 1,) * 2, np.uint8)) > 0
    side = clear.layers.occlusion == VISIBLE
    share = np.count_nonzero(hole & side) / max(np.count_nonzero(side), 1)
    return Covered(clear, image, hole) if 0.02 < share < 0.7 else None
