"""Rendered heads as the runtime sees them: detected, fitted, cut out, with the true bump beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.records import Crop, Foundation, Frame, Surface
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.face_window import WindowMaker
from extreme3d_ros.stages.foundation import FoundationFit
from extreme3d_ros.stages.surface import SurfaceRaster
from training.bump.truth import Truth, truth_of
from training.detected import DetectedHeads
from training.faces.generator import Wish
from training.faces.occluders import KINDS

#: Numbers that stand for 1 in the stored normals and places.
NORMAL_UNIT, PLACE_UNIT = 127, 100
#: Bits of the stored labels.
MASK, OBJECT, COVERED = 1, 2, 4
#: Sizes of the face by which a detection's middle may be off: farther away it found something else.
_STRAY = 0.3
IN_A_FILE = 100


@dataclass(frozen=True)
class Seen:
    """What the runtime makes of a picture, and the truth."""

    crop: Crop
    foundation: Foundation
    surface: Surface
    truth: Truth


class Observer:
    """Renders, detects, fits and rasters."""

    def __init__(self):
        self._heads = DetectedHeads()
        self.model = self._heads.model
        self._crop, self._fit, self._raster = FaceCrop(self.model), FoundationFit(self.model), SurfaceRaster(self.model)

    def __call__(self, seed: int, wish: Wish) -> Seen | None:
        """None where the face isn't found."""
        found = self._heads(seed, wish, _STRAY)
        if found is None:
            return None
        made, _, face = found
        # Half of the users don't know their camera.
        frame = Frame(made.image, made.camera if seed % 2 else Camera.assumed(made.camera.width, made.camera.height))
        crop = self._crop(frame, face)
        try:
            foundation = self._fit(frame, face, crop)[0]
        except ValueError:
            return None
        surface = self._raster(foundation, crop)
        return Seen(crop, foundation, surface, truth_of(made, self.model, crop, foundation, surface))


def wish_of(seed: int) -> Wish:
    """Three of ten clear, five wearing or holding something, two hidden up to half."""
    rng = np.random.default_rng([seed, 98])
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    share, kind = ((0.0, None), (None, kind), (rng.uniform(0.1, 0.5), None))[int(np.digitize(seed % 10, [3, 8]))]
    return Wish(
        size=(400, 400),
        share=share,
        kind=kind,
        most_yaw=65.0,
        most_pitch=25.0,
        roll_deviation=8.0,
        near=(0.5, 0.9),
    )


def row_of(seen: Seen, maker: WindowMaker) -> dict[str, np.ndarray]:
    """A sample as it is kept, all (256, 256[, C]). window: uint8 BGR; normals: int8 / NORMAL_UNIT; place: int8 /
    PLACE_UNIT; bump: float16 mm, NaN where there is none; labels: uint8 bits."""
    window, inputs = maker(seen.crop, seen.surface)
    known = np.isfinite(seen.truth.bump)
    weight = window.cut(known.astype(np.float32))
    bump = window.cut(np.where(known, seen.truth.bump, 0)) / np.maximum(weight, 1e-3)
    layers = {MASK: seen.truth.mask, OBJECT: seen.truth.object, COVERED: seen.surface.raster.covered}
    labels = sum(bit * (window.cut(layer.astype(np.float32)) > 0.5) for bit, layer in layers.items())
    return {
        "window": inputs["window"],
        "normals": np.rint(inputs["normals"] * NORMAL_UNIT).astype(np.int8),
        "place": np.rint(np.clip(inputs["place"], -1.27, 1.27) * PLACE_UNIT).astype(np.int8),
        "bump": np.where(weight > 0.5, 1e3 * bump, np.nan).astype(np.float16),
        "labels": labels.astype(np.uint8),
    }


@lru_cache(1)
def _observer() -> tuple[Observer, WindowMaker]:
    observer = Observer()
    return observer, WindowMaker(observer.model)


def sample(seed: int) -> dict[str, np.ndarray] | None:
    """That of a seed; None where the face isn't found."""
    observe, maker = _observer()
    seen = observe(seed, wish_of(seed))
    return row_of(seen, maker) if seen else None
