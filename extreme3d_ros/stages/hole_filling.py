"""Hole filling (Sec. 4.2): detail for the parts of the visible side that an object hides, borrowed and blended in.

Lenders, by `ORDER`: what was seen of the same person before, the references of a gallery that are most alike among
those of a near viewpoint, and the mirrored half of the face itself. Each pixel borrows from the first that knows it,
and only differences between neighbours, so that lenders which disagree on heights make no steps (Perez et al., "Poisson
image editing", 2003); where none knows anything the bump falls smoothly to zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.poisson import blend
from extreme3d_ros.records import HIDDEN, VISIBLE, Crop, Filling, Foundation, Layers, Surface
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.identity import EmbeddingFeature, ShapeFeature
from extreme3d_ros.references.person import Person
from extreme3d_ros.references.viewpoint import direction_of
from extreme3d_ros.stages.unwrapping import Unwrapping

#: Who is asked first.
ORDER = ("person", "reference", "mirror")

#: Nearer to what hides the skin than this, pixels, the bump is not to be trusted: an object's shadow and outline, and
#: the fade of the layers' makers.
_MARGIN = 6
#: Pixels over which the bump falls to zero where nothing can be borrowed, and how far what is borrowed reaches into
#: places that its lenders don't know.
_REACH = 12.0
#: For no more than this share of a hole the next lender isn't asked: nostrils, rims.
_FEW = 0.01
#: References nearest in viewpoint among which similar faces are looked for: at most so many (the paper's k), and of a
#: small gallery no more than this share of entries and twins.
_NEAREST, _NEAR_SHARE = 100, 0.25
#: So many of them, the most similar ones, lend their mean, and so much of it is taken. The paper takes the one; on
#: held-out renders one stranger's details are farther from the truth than none (benchmarks/hole_filling.py).
_LENDERS, _TRUST = 16, np.float32(0.7)


class HoleFilling:
    """Fills the bump map's holes."""

    def __init__(
        self,
        model: FaceModel,
        gallery: Gallery | None = None,
        feature: ShapeFeature | EmbeddingFeature | None = None,
        order: Sequence[str] = ORDER,
    ):
        """gallery: None for no references; feature: the identity feature that it was made with, None where that is the
        shape's; order: names of lenders, the first first.

        Raises ModelFileError where the gallery is of another face model or feature.
        """
        self._unwrapping = Unwrapping(model)
        self._gallery = gallery
        if gallery is not None:
            self._feature = feature or ShapeFeature(model)
            _check(gallery, model, self._feature)
        self._order = tuple(order)
        _compile()

    def __call__(
        self, crop: Crop, foundation: Foundation, layers: Layers, surface: Surface, person: Person | None = None
    ) -> Filling:
        """Outside the holes and a margin of visible skin about them the bump is unchanged.

        person: what was seen of the same person; None: nothing.
        """
        hidden = layers.occlusion == HIDDEN
        if not hidden.any():
            return Filling(layers.bump, {})
        known = _trusted(layers)
        hole = hidden | ((layers.occlusion == VISIBLE) & ~known)
        lent, sources = self._borrowed(crop, foundation, layers, surface, person, hole, known)
        return Filling(blend(layers.bump, lent, hole, known, _REACH), sources)

    def own_skin(self, crop: Crop, foundation: Foundation, layers: Layers, surface: Surface) -> np.ndarray:
        """What this frame itself shows of the face, as a skin (S, S), NaN where it shows nothing reliable."""
        return self._unwrapping(foundation, crop, surface, layers.bump, _trusted(layers))

    def _borrowed(self, crop, foundation, layers, surface, person, hole, known):
        """What is borrowed for the hole and the pixels about it (H, W), NaN where nothing is; and the shares of the
        hole by lender."""
        around = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        wanted = hole | (around & known)
        lent, sources = np.full(hole.shape, np.nan, np.float32), {}
        missing, size = hole, np.count_nonzero(hole)
        for name in self._order:
            skin = self._skin_of(name, crop, foundation, layers, surface, person)
            if skin is None:
                continue
            more = self._unwrapping.laid_on(skin, surface, wanted)
            found = missing & np.isfinite(more)
            if not found.any():
                continue
            sources[name] = np.count_nonzero(found) / size
            lent = _joined(lent, more, wanted)
            missing = missing & ~found
            if np.count_nonzero(missing) <= _FEW * size:
                break
        if missing.any():
            sources["none"] = np.count_nonzero(missing) / size
            lent = _continued(lent, wanted)
        return lent, sources

    def _skin_of(self, name, crop, foundation, layers, surface, person) -> np.ndarray | None:
        """A lender's skin (S, S) metres, NaN where it knows nothing; None where it has none."""
        if name == "person":
            return None if person is None else person.skin_for(direction_of(foundation))
        if name == "reference":
            return self._reference(crop, foundation)
        return self.own_skin(crop, foundation, layers, surface)[:, ::-1]

    def _reference(self, crop, foundation) -> np.ndarray | None:
        if self._gallery is None:
            return None
        feature = self._feature(crop, foundation)
        near = min(_NEAREST, max(round(_NEAR_SHARE * 2 * len(self._gallery)), 1))
        mirrored = self._feature.mirrored(feature)
        matches = self._gallery.alike(direction_of(foundation), feature, mirrored, near, _LENDERS)
        return _TRUST * self._gallery.mean_skin(matches) if matches else None


def _compile() -> None:
    """Compiles the blending now, in a new installation for some seconds: no hole shall wait for it."""
    hole = np.pad(np.ones((10, 10), bool), 1)  # of several levels, and not solved before the first step
    blend(np.ones(hole.shape, np.float32), np.zeros(hole.shape, np.float32), hole, ~hole, _REACH)


def _check(gallery, model, feature) -> None:
    for what, has, wanted in (
        ("face model", gallery.face_model, model.name),
        ("feature", gallery.feature, feature.name),
    ):
        if has != wanted:
            raise ModelFileError(
                f"the references at {gallery.folder} are of the {what} {has}, not {wanted}: "
                "name others or build them with `extreme3d references build`"
            )


def _trusted(layers: Layers) -> np.ndarray:
    """(H, W) bool: visible skin that is not next to what is hidden."""
    hidden = (layers.occlusion == HIDDEN).astype(np.uint8)
    width = 2 * _MARGIN + 1
    near = cv2.dilate(hidden, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    return (layers.occlusion == VISIBLE) & (near == 0)


def _joined(first: np.ndarray, second: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Two lenders' maps (H, W), NaN where unknown, in one: the first where it knows, elsewhere the second's detail.

    Where the second touches the first it is moved to its height.
    """
    known = np.isfinite(first)
    more = wanted & ~known & np.isfinite(second)
    if not known.any() or not more.any():
        return second if not known.any() else first
    joined = blend(first, second, more, known, _REACH)
    return np.where(known | more, joined, np.nan).astype(np.float32)


def _continued(lent: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """What is lent (H, W), NaN where unknown, carried on level to the wanted pixels within reach.

    Else the small blind spots of a lender, nostrils and rims, would draw all about them towards zero.
    """
    part = box_of(wanted)
    known = np.isfinite(lent[part])
    if not known.any():
        return lent
    distance, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.empty(nearest.max() + 1, np.float32)
    values[nearest[known]] = lent[part][known]
    continued = lent.copy()
    near = wanted[part] & ~known & (distance < _REACH)
    continued[part][near] = values[nearest[near]]
    return continued
