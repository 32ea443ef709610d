"""A gallery of references in the making, or growing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.manifest import MANIFEST, UNSEEN, Manifest, Part
from extreme3d_ros.references.parts import PartWriter

#: Side of a skin, texels, and the step of its heights, metres: +-6.35 mm go into a byte.
SIZE, UNIT = 256, 5e-5
#: Entries of a part: as many a killed build loses at most, and a million are still few enough open files.
PART = 4096


class GalleryWriter:
    """Adds entries to a gallery, a new or an old one. A context manager.

    A part is written under another name, renamed, and only then named by gallery.json: whoever kills the process finds
    a sound gallery, without the part that was in the making.
    """

    def __init__(self, folder: Path, face_model: str, feature: str, size: int = SIZE, append: bool = False):
        """folder: must exist; face_model, feature: names. Raises InputError where it holds a gallery and `append` is
        not set, or one of another face model, feature or size, or one that is being written to; ModelFileError where
        that is broken."""
        self._folder = Path(folder)
        self._part: PartWriter | None = None
        self._lock: int | None = _locked(self._folder)
        try:
            self._manifest = self._opened(face_model, feature, size, append)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> GalleryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Entries, with those that were there before."""
        return sum(part.count for part in self._manifest.parts) + (self._part.count if self._part else 0)

    def add(self, skin: np.ndarray, direction: np.ndarray, feature: np.ndarray) -> None:
        """skin: (S, S) metres along the normal, NaN where not seen, clipped to +-6.35 mm; direction: (3,) unit;
        feature: (F,) of unit length, or zero. Raises ValueError where they aren't, InputError where they cannot be
        written."""
        skin, direction, feature = (np.asarray(value, np.float32) for value in (skin, direction, feature))
        self._check(skin, direction, feature)
        heights = np.clip(np.rint(np.nan_to_num(skin) / self._manifest.unit), -127, 127)
        with self._writing():
            if self._part is None:
                self._manifest = replace(self._manifest, length=len(feature))
                self._part = PartWriter(self._folder / f".{self._next_name()}", self._manifest)
            self._part.add(np.where(np.isnan(skin), UNSEEN, heights), direction, feature)
        if self._part.count == PART:
            self._finish(self._part)

    def close(self) -> None:
        """Finishes the gallery; without an entry nothing is written. Raises InputError."""
        try:
            if self._part is not None:
                self._finish(self._part)
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _opened(self, face_model: str, feature: str, size: int, append: bool) -> Manifest:
        """The manifest to go on with; a new one's feature length comes with the first entry."""
        if not (self._folder / MANIFEST).exists():
            return Manifest(face_model, feature, size, 0, UNIT)
        if not append:
            raise InputError(f"{self._folder} holds a gallery: add to it with --append, or name another with --out")
        Gallery(self._folder)  # the whole of it is looked at: what is broken doesn't grow
        old = Manifest.read(self._folder)
        for what, wanted in {"face_model": face_model, "feature": feature, "size": size}.items():
            has = getattr(old, what)
            if has != wanted:
                name = what.replace("_", " ")
                raise InputError(f"{self._folder} is of the {name} {has}, not {wanted}: name another with --out")
        return old

    def _check(self, skin: np.ndarray, direction: np.ndarray, feature: np.ndarray) -> None:
        size, length = self._manifest.size, self._manifest.length or feature.size
        if skin.shape != (size, size) or np.isinf(skin).any():
            raise ValueError(f"a skin is ({size}, {size}), of finite heights or NaN")
        if direction.shape != (3,) or not abs(np.linalg.norm(direction) - 1) < 1e-4:
            raise ValueError("a direction is (3,) and of unit length")
        if feature.shape != (length,) or not unit_or_zero(feature):
            raise ValueError(f"a feature is ({length},) and of unit length")

    def _next_name(self) -> str:
        return f"part-{1 + max((int(part.name[5:]) for part in self._manifest.parts), default=-1):05d}"

    def _finish(self, part: PartWriter) -> None:
        name = self._next_name()
        with self._writing():
            part.finish(self._folder / name)
        grown = replace(self._manifest, parts=(*self._manifest.parts, Part(name, part.count)))
        self._part = None
        grown.write(self._folder)
        self._manifest = grown

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What cannot be written ends the part."""
        try:
            yield
        except OSError as error:
            if self._part is not None:
                self._part.discard()
                self._part = None
            hint = f"{error.strerror}; check its rights and the disk"
            raise InputError(f"cannot write to the gallery {self._folder}: {hint}") from error


def unit_or_zero(features: np.ndarray) -> np.ndarray:
    """(...,) bool: whether features (..., F) float32 are of unit length, to half precision, or zero."""
    length = np.linalg.norm(features, axis=-1)
    return (np.abs(length - 1) < 2e-3) | (length == 0)


def _locked(folder: Path) -> int:
    """A handle that keeps other writers out of a folder until it is closed. Raises InputError."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"cannot write to the gallery {folder}: {error.strerror}; name another with --out") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise InputError(f"another build is writing to {folder}: wait for it, or name another with --out") from None
    return handle
