"""The gallery of reference bump maps (Sec. 4.2): a folder, read by memory mapping, grown by whole parts.

An entry is a face's bump in its face model's texture space, a "skin": (S, S), row = v, column = u, height along the
surface normal; beside it the viewpoint that it was seen from and a feature of the person's identity. Mirrored twins are
implied, not stored: columns reversed, direction (-x, y, z).

`gallery.json` names the format, the face model, the feature, the sizes, and the parts with their counts. A part is a
folder `part-00000` of skins.npy (N, S, S) int8 in units of `unit` metres, -128 where nothing was seen; directions.npy
(N, 3) float32; features.npy (N, F) float16. A part that gallery.json names is never changed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit

from extreme3d_ros.errors import InputError
from extreme3d_ros.references.manifest import MANIFEST, Manifest, Part, unsound
from extreme3d_ros.references.parts import PartWriter, mapped
from extreme3d_ros.references.search import Match, best_matches

#: Side of a skin, texels, and the step of its heights, metres: +-6.35 mm go into a byte.
SIZE, UNIT = 256, 5e-5
_UNSEEN = -128
#: Entries of a part: as many a killed build loses at most, and a million are still few enough open files.
PART = 4096
#: Entries that are read at once where all are.
_PIECE = 256
#: Parts whose skins stay mapped: those of all parts of a large gallery would hold as many files open.
_OPEN = 16


class Gallery:
    """A gallery to read. Only the directions (N, 3) float32 are held in memory.

    face_model, feature: the names of what its skins and features are of; size: S; length: F; folder: where it lies.
    """

    def __init__(self, folder: Path):
        """Raises ModelFileError where there is none, or its files are not what gallery.json says."""
        self.folder = Path(folder)
        self._manifest = Manifest.read(self.folder)
        self.face_model, self.feature = self._manifest.face_model, self._manifest.feature
        self.size, self.length = self._manifest.size, self._manifest.length
        parts = self._manifest.parts
        for part in parts:
            self._mapped(part, "skins.npy")
        self._features = [self._mapped(part, "features.npy") for part in parts]
        self._skins = lru_cache(_OPEN)(lambda number: self._mapped(parts[number], "skins.npy"))
        self._starts = np.cumsum([0, *(part.count for part in parts)])
        directions = [self._mapped(part, "directions.npy") for part in parts]
        self.directions = np.concatenate([np.empty((0, 3), np.float32), *directions])
        # Said so that it does not hold for NaN.
        if not np.all(np.abs(np.einsum("ni,ni->n", self.directions, self.directions) - 1) < 2e-3):
            raise unsound(self.folder, ValueError("a direction is not of unit length"))

    def __len__(self) -> int:
        return len(self.directions)

    @property
    def megabytes(self) -> float:
        """What its arrays take on disk, 10^6 bytes."""
        arrays = [array for part in self._manifest.parts for array in self._manifest.arrays(part.count).values()]
        return sum(float(np.prod(shape)) * dtype.itemsize for shape, dtype in arrays) / 1e6

    def skin(self, index: int, mirrored: bool = False) -> np.ndarray:
        """(S, S) float32, metres along the normal, NaN where nothing was seen; mirrored: of the entry's twin.

        Raises IndexError where there is no such entry, ModelFileError where its file has changed since.
        """
        return self._heights(self._stored(index, mirrored))

    def mean_skin(self, matches: Sequence[Match]) -> np.ndarray:
        """(S, S) float32: the mean of matches' skins, texel by texel of those that show it; NaN where none does."""
        total, shown = np.zeros((2, self.size, self.size), np.int32)
        for match in matches:
            _add(self._stored(match.index, match.mirrored), total, shown)
        heights = total * np.float32(self._manifest.unit) / np.maximum(shown, 1).astype(np.float32)
        return np.where(shown > 0, heights, np.float32(np.nan)).astype(np.float32)

    def alike(
        self, direction: np.ndarray, feature: np.ndarray, mirrored_feature: np.ndarray, k: int = 100, count: int = 1
    ) -> list[Match]:
        """The `count` most alike of the k nearest in viewpoint, twins counted as entries; the most alike first.

        direction: (3,) unit, of `viewpoint.direction_of`; feature, mirrored_feature: (F,) of the face and of its mirror
        image, of the kind that `self.feature` names.
        """
        return best_matches(self.directions, self._features_of, direction, feature, mirrored_feature, k, count)

    def pieces(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """All entries, some at a time: the first one's index, skins (n, S, S), features (n, F), both float32."""
        for part, start in zip(self._manifest.parts, self._starts):
            for row in range(0, part.count, _PIECE):
                rows = slice(row, row + _PIECE)
                skins, features = self._mapped(part, "skins.npy")[rows], self._mapped(part, "features.npy")[rows]
                yield int(start) + row, self._heights(skins), features.astype(np.float32)

    def _stored(self, index: int, mirrored: bool) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"the gallery has {len(self)} entries; none has the index {index}")
        number, row = self._place(index)
        stored = self._skins(int(number))[row]
        return stored[:, ::-1] if mirrored else stored

    def _heights(self, stored: np.ndarray) -> np.ndarray:
        heights = stored.astype(np.float32) * np.float32(self._manifest.unit)
        heights[stored == _UNSEEN] = np.nan
        return heights

    def _features_of(self, indices: np.ndarray) -> np.ndarray:
        rows = [self._features[number][row] for number, row in zip(*self._place(indices))]
        return np.stack(rows).astype(np.float32)

    def _place(self, index):
        """In which part an entry is, and in which of its rows."""
        number = np.searchsorted(self._starts, index, side="right") - 1
        return number, index - self._starts[number]

    def _mapped(self, part: Part, name: str) -> np.ndarray:
        return mapped(self.folder, self._manifest, part, name)


@njit(cache=True, nogil=True)
def _add(stored, total, shown):
    """Adds what a skin (S, S) of bytes shows to the sum, and counts it."""
    for row in range(stored.shape[0]):
        for column in range(stored.shape[1]):
            height = stored[row, column]
            if height != _UNSEEN:
                total[row, column] += height
                shown[row, column] += 1


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
            self._part.add(np.where(np.isnan(skin), _UNSEEN, heights), direction, feature)
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
        # The whole gallery is looked at: what is broken doesn't grow.
        old = Gallery(self._folder)._manifest
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
