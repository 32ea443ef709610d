"""Which gallery of references the road runs with, and with which feature of identity."""

from __future__ import annotations

import os
from pathlib import Path

from extreme3d_ros.engines.onnx import read_network
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.folders import references_folder
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.identity import EMBEDDING, EmbeddingFeature, ShapeFeature
from extreme3d_ros.references.manifest import MANIFEST, unsound

#: The shipped gallery, for the shipped face model.
DEFAULT_REFERENCES = Path(__file__).parent.parent / "data" / "references"
#: What is said in the place of a folder for no gallery at all.
NONE = "none"
#: A gallery's own copy of the network that its features are of.
NETWORK = "feature.onnx"


def references_of(folder: Path | str, face_model: str) -> Gallery | None:
    """The gallery of a folder; NONE: none; empty: the user's own where it suits the face model of this name, else the
    shipped one where that does, else none.

    Raises ModelFileError where a named folder holds no sound gallery or one of another face model, and where the
    user's own gallery is broken.
    """
    if str(folder) == NONE:
        return None
    if str(folder):
        return _suiting(Gallery(Path(os.path.expanduser(folder))), face_model)
    # os.path: in a home that may not be entered there is none.
    there = (place for place in (references_folder(), DEFAULT_REFERENCES) if os.path.exists(place / MANIFEST))
    return next((gallery for gallery in map(Gallery, there) if gallery.face_model == face_model), None)


def feature_of(gallery: Gallery | None, model: FaceModel) -> ShapeFeature | EmbeddingFeature | None:
    """The feature that a gallery was made with, for faces of its face model; None of no gallery.

    Raises ModelFileError where that is a network's and the network is not in the gallery's folder, and where the
    gallery's features are of another length.
    """
    if gallery is None:
        return None
    feature = network_of(gallery) or ShapeFeature(model)
    if gallery.length != feature.length:
        wrong = f"its features have {gallery.length} numbers, those of {feature.name} {feature.length}"
        raise unsound(gallery.folder, ValueError(wrong))
    return feature


def network_of(gallery: Gallery) -> EmbeddingFeature | None:
    """The feature of a gallery that was made with a network, by the copy in its folder; None of another gallery.

    Raises ModelFileError where the copy is missing, broken, or another network.
    """
    if not gallery.feature.startswith(EMBEDDING):
        return None
    path = gallery.folder / NETWORK
    remedy = f"copy the network that the gallery was made with, {gallery.feature}, there"
    if not path.is_file():
        raise ModelFileError(f"there is no file {path}: {remedy}")
    feature = EmbeddingFeature(path)
    if feature.name != gallery.feature:
        raise ModelFileError(f"{path} is another network, {feature.name}: {remedy}")
    return feature


def keep_network(network: Path, folder: Path) -> None:
    """Copies a network's file into a gallery's folder, for `network_of`. Raises ModelFileError, InputError."""
    write_bytes(folder / NETWORK, read_network(network))


def _suiting(gallery: Gallery, face_model: str) -> Gallery:
    if gallery.face_model != face_model:
        raise ModelFileError(
            f"the references at {gallery.folder} are of the face model {gallery.face_model}, not {face_model}: "
            "name others or build them with `extreme3d references build`"
        )
    return gallery
