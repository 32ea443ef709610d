"""The gallery of reference bump maps (Sec. 4.2): a folder, read by memory mapping.

An entry is a face's bump in its face model's texture space, a "skin": (S, S), row = v, column = u, height along the
surface normal; beside it the viewpoint that it was seen from and a feature of the person's identity. Mirrored twins are
implied, not stored: columns reversed, direction (-x, y, z).

`gallery.json` names the format, the face model, the feature, the sizes, and the parts with their counts. A part is a
folder `part-00000` of skins.npy (N, S, S) int8 in units of `unit` metres, -128 where nothing was seen; directions.npy
(N, 3) float32; features.npy (N, F) float16. A part that gallery.json names is never changed: a gallery grows by whole
parts (gallery_writer.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit

from extreme3d_ros.references.manifest import UNSEEN, Manifest, Part, unsound
from extreme3d_ros.references.parts import mapped
from extreme3d_ros.references.search import Match, nearest

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
        """The `count` most alike of the k nearest in viewpoint, twins counted as entries; the most alike first, of
        equals the one nearer in viewpoint.

        direction: (3,) unit, of `viewpoint.direction_of`; feature, mirrored_feature: (F,) of the face and of its mirror
        image, of the kind that `self.feature` names.
        """
        if not len(self):
            return []
        index, mirrored = nearest(self.directions, direction, k)
        # No twin's feature is stored: a twin is as like a face as the entry is like the face's mirror image.
        sought = np.where(mirrored[:, None], mirrored_feature, feature)
        # What is not finite comes from a broken file, and is like nothing.
        similarity = np.nan_to_num(np.einsum("nf,nf->n", self._features_of(index), sought), nan=-1.0, posinf=-1.0)
        best = np.argsort(-similarity, kind="stable")[:count]
        return [Match(int(index[n]), bool(mirrored[n]), float(np.clip(similarity[n], -1, 1))) for n in best]

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
        heights[stored == UNSEEN] = np.nan
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
            if height != UNSEEN:
                total[row, column] += height
                shown[row, column] += 1
