"""The layers on the foundation (Sec. 4.1): bump map, mask and occlusion labels, by one of three makers.

`NetworkLayers` asks the package's own network, `PublishedLayers` that of the CVPR 2018 release, `ShadingLayers` none.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.smoothing import rising, smooth_over, smoothstep
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
#: Side of the cells that so coarse a mean is made of, pixels (geometry/smoothing.py).
_CELL = 4
#: Width over which a bump fades out towards the end of the visible skin, crop pixels.
FADE = 8.0


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
            part = _roomy(surface.box)
            bump[part] += _SHARE * _fine(shading[part], labels[part] == VISIBLE)
            return layered(bump, labels)


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
        return Layers(bump, labels)


def labelled(mask: np.ndarray, hidden: np.ndarray, surface: Surface) -> np.ndarray:
    """Labels (H, W) uint8 of the pixels, by the chances (H, W) of visible skin and of an object before it.

    Where the foundation is and neither is likely, it reaches beyond the face: no face.
    """
    part, covered = surface.box, surface.raster.covered
    labels = np.full(covered.shape, NOT_FACE, np.uint8)
    covered, mask, hidden = covered[part], mask[part], hidden[part]
    side = covered & (surface.facing[part] > GRAZING)
    least = int(_LEAST_SPOT * np.count_nonzero(side))
    likely = side & (mask > 0.5) & (mask >= hidden)
    visible = without_specks(likely, least)
    rest = without_specks(side & ~visible, least)
    objects = rest & (hidden > 0.5)
    objects |= _touching(rest & likely, objects)  # specks of skin
    box = labels[part]
    np.copyto(box, TURNED_AWAY, where=covered)
    np.copyto(box, VISIBLE, where=side)
    np.copyto(box, NOT_FACE, where=rest)
    np.copyto(box, HIDDEN, where=objects)
    return labels


def _touching(specks: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Those blobs of `specks` that lie next to the mask."""
    count, blobs = cv2.connectedComponents(specks.astype(np.uint8), connectivity=4)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    touching = np.zeros(count, bool)
    touching[blobs[near]] = True
    touching[0] = False  # what is no speck
    return touching[blobs]


def layered(bump: np.ndarray, labels: np.ndarray) -> Layers:
    """The bump (H, W) metres, faded out towards the ends of the visible skin; 0 elsewhere."""
    visible, faded = labels == VISIBLE, np.zeros(labels.shape, np.float32)
    part = box_of(visible)
    faded[part] = bump[part] * smoothstep(rising(visible[part], FADE))
    return Layers(faded, labels)


def _fine(shading, visible):
    """What shading (H, W) says of the visible skin, less what is coarse."""
    return shading - smooth_over(shading, visible, _FINE, cv2.BORDER_CONSTANT)


def _roomy(box: tuple[slice, slice]) -> tuple[slice, slice]:
    """The box grown to whole cells of smoothing, and one more: so means in it are those over the whole crop."""
    rows, columns = (slice(max(s.start // _CELL - 1, 0) * _CELL, (-(-s.stop // _CELL) + 1) * _CELL) for s in box)
    return rows, columns
