"""The layers on the foundation (Sec. 4.1): bump map, mask and occlusion labels, by one of three makers.

`NetworkLayers` asks the package's own network, `PublishedLayers` that of the CVPR 2018 release, `ShadingLayers` none.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Layers, Surface
from extreme3d_ros.stages.bump import ShapeFromShading
from extreme3d_ros.stages.bump_network import DEFAULT_NETWORK, BumpNetwork
from extreme3d_ros.stages.occlusion import GRAZING, SkinSegmenter, without_specks
from extreme3d_ros.stages.published_bump import PublishedBump
from extreme3d_ros.timing import timed

#: Spots smaller than this share of the face's visible side take the label of what surrounds them.
_LEAST_SPOT = 0.003
#: Of what shading says, the part finer than this (sigma, pixels) is taken, and so much of it: brightness is paint as
#: often as shape. On held-out renders this is nearer to the truth than shading alone (benchmarks/bump.py).
_FINE, _SHARE = 20.0, np.float32(0.5)
#: Width over which a bump fades out towards the end of the visible skin, crop pixels.
_FADE = 8.0


class NetworkLayers:
    """One pass of the bump network gives all three; the skin's shading adds what is fine."""

    def __init__(self, model: FaceModel, path: Path = DEFAULT_NETWORK, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the network's file is missing, broken or another network."""
        self._network, self._shading = BumpNetwork(model, path, engines), ShapeFromShading(step=2)

    def __call__(self, crop: Crop, surface: Surface, timings: dict[str, float]) -> Layers:
        with timed(timings, "occlusion"):
            mask, bump, hidden = self._network(crop, surface)
            labels = labelled(mask, hidden, surface)
        with timed(timings, "bump"):
            shading = self._shading(crop, surface, labels)
            return layered(bump + _SHARE * (shading - smooth_over(shading, labels == VISIBLE, _FINE)), labels)


class PublishedLayers:
    """The published network knows no objects: what isn't face skin on the visible side is hidden."""

    def __init__(self, path: Path, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the network's file is missing, broken or another network."""
        self._network = PublishedBump(path, engines)

    def __call__(self, crop: Crop, surface: Surface, timings: dict[str, float]) -> Layers:
        with timed(timings, "bump"):
            mask, bump = self._network(crop)
        with timed(timings, "occlusion"):
            return layered(bump, labelled(mask, 1 - mask, surface))


class ShadingLayers:
    """Shape from shading, on what has the colour of the face's skin."""

    def __init__(self, model: FaceModel):
        self._segmenter, self._shading = SkinSegmenter(model), ShapeFromShading()

    def __call__(self, crop: Crop, surface: Surface, timings: dict[str, float]) -> Layers:
        with timed(timings, "occlusion"):
            labels = self._segmenter(crop, surface)
        with timed(timings, "bump"):
            bump = self._shading(crop, surface, labels)
        return Layers(bump, _mask(labels), labels)


def labelled(mask: np.ndarray, hidden: np.ndarray, surface: Surface) -> np.ndarray:
    """Labels (H, W) uint8 of the pixels, by the chances (H, W) of visible skin and of an object before it.

    Where the foundation is and neither is likely, it reaches beyond the face: no face.
    """
    part, covered = surface.box, surface.raster.covered
    labels = np.where(covered, TURNED_AWAY, NOT_FACE).astype(np.uint8)
    side = (covered & (surface.facing > GRAZING))[part]
    mask, hidden = mask[part], hidden[part]
    least = int(_LEAST_SPOT * np.count_nonzero(side))
    visible = without_specks(side & (mask > 0.5) & (mask >= hidden), least)
    rest = without_specks(side & ~visible, least)
    box = labels[part]
    box[side] = VISIBLE
    box[rest] = np.where(hidden[rest] > 0.5, HIDDEN, NOT_FACE)
    return labels


def layered(bump: np.ndarray, labels: np.ndarray) -> Layers:
    """The bump (H, W) metres, faded out towards the ends of the visible skin; 0 elsewhere."""
    inside = cv2.distanceTransform((labels == VISIBLE).astype(np.uint8), cv2.DIST_L2, 3)
    t = np.clip(inside / _FADE, 0, 1)
    return Layers((bump * (t * t * (3 - 2 * t))).astype(np.float32), _mask(labels), labels)


def _mask(labels):
    return (labels == VISIBLE).astype(np.uint8) * 255
