"""`extreme3d references`: the gallery of faces that hole filling borrows from, built, described and checked."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from extreme3d_ros.cli.files import output_folder
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import InputError, ModelFileError, NoFaceError
from extreme3d_ros.face_model import FaceModel
from extreme3d_ros.folders import references_folder
from extreme3d_ros.geometry.directions import yaw_and_pitch
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import files_of, read_image
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Observation
from extreme3d_ros.references.build import EntryMaker, Unfit, faults
from extreme3d_ros.references.default import keep_network, network_of
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.gallery_writer import GalleryWriter
from extreme3d_ros.references.identity import EmbeddingFeature, ShapeFeature
from extreme3d_ros.references.manifest import MANIFEST
from extreme3d_ros.stages.unwrapping import Unwrapping

_YAW_EDGES = np.arange(-70, 71, 20)
#: So many faults are named; more say nothing new.
_MOST_FAULTS = 10


def references(arguments) -> int:
    """Runs the command."""
    return {"build": _build, "info": _info, "check": _check}[arguments.action](arguments)


def _build(arguments) -> int:
    """`references build IMAGE_DIR`."""
    images = files_of(arguments.images)
    folder = output_folder(arguments.out or str(references_folder()))
    model = face_model_of(arguments.profile, arguments.face_model)
    network = Path(arguments.feature_network) if arguments.feature_network else None
    feature = _feature(network, folder, arguments.append, model)
    turned_down: Counter[str] = Counter()
    with GalleryWriter(folder, model.name, feature.name, append=arguments.append) as writer:
        before = len(writer)
        fast, make = fast_path_of(arguments.profile, model, OnnxEngine), EntryMaker(Unwrapping(model), feature)
        for path in tqdm(images, disable=not sys.stderr.isatty(), unit="image"):
            try:
                entry = make(_observed(path, fast))
            except Unfit as why:
                turned_down[str(why)] += 1
                continue
            # Before the first entry is there to be found, and not at all where none is.
            if network and len(writer) == before:
                keep_network(network, folder)
            writer.add(entry.skin, entry.direction, entry.feature)
        entered, in_all = len(writer) - before, len(writer)
    reasons = ", ".join(f"{count} {reason}" for reason, count in turned_down.most_common())
    if not entered:
        raise NoFaceError(f"{arguments.images}: no clear face in its files ({reasons}); nothing was added to {folder}")
    print(f"{folder}: {entered} faces entered, {in_all} in all")
    print(f"turned down: {turned_down.total()}" + (f" ({reasons})" if reasons else ""))
    return 0


def _feature(network: Path | None, folder: Path, append: bool, model: FaceModel) -> ShapeFeature | EmbeddingFeature:
    """That of the named network, or of the gallery that is to grow, or else the shape's. Raises ModelFileError."""
    if network:
        return EmbeddingFeature(network)
    growing = append and (folder / MANIFEST).exists()
    return (network_of(Gallery(folder)) if growing else None) or ShapeFeature(model)


def _observed(path: Path, fast: FastPath) -> Observation:
    """An image's largest face. Raises Unfit; of a file that cannot be read once it is named on stderr."""
    try:
        image = read_image(path)
    except InputError as error:
        tqdm.write(f"extreme3d: {error}", file=sys.stderr)
        raise Unfit("unreadable") from None
    observations = fast(frame_of(image))
    if not observations:
        raise Unfit("without a face")
    return observations[0]


def _info(arguments) -> int:
    """`references info [FOLDER]`."""
    gallery = _opened(arguments)
    print(f"{gallery.folder}: {len(gallery)} entries, {2 * len(gallery)} with their mirrored twins")
    print(f"face model {gallery.face_model}, feature {gallery.feature}")
    print(f"skins of {gallery.size} x {gallery.size} texels, {gallery.megabytes:.1f} MB")
    yaw = np.degrees(yaw_and_pitch(gallery.directions)[:, 0])
    both = np.concatenate([yaw, -yaw])
    counts = np.histogram(both, _YAW_EDGES)[0]
    print("yaw, degrees   entries and twins")
    for low, high, count in zip(_YAW_EDGES, _YAW_EDGES[1:], counts):
        print(f"{low:>4} to {high:>3} {count:>8}  {'#' * round(40 * count / max(counts.max(), 1))}".rstrip())
    print(f"beyond      {len(both) - counts.sum():>8}")
    return 0


def _check(arguments) -> int:
    """`references check [FOLDER]`."""
    gallery = _opened(arguments)
    network_of(gallery)
    found = list(islice(faults(gallery), _MOST_FAULTS))
    for fault in found:
        print(fault, file=sys.stderr)
    if found:
        raise ModelFileError(f"{gallery.folder} is no sound gallery of references: build it anew")
    print(f"{gallery.folder}: sound; {len(gallery)} entries")
    return 0


def _opened(arguments) -> Gallery:
    return Gallery(Path(arguments.folder) if arguments.folder else references_folder())
