"""A part of a gallery: its arrays on disk, mapped to be read, or growing row by row."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from extreme3d_ros.references.manifest import Manifest, Part, unsound
from extreme3d_ros.untrusted.npz import BROKEN
from extreme3d_ros.untrusted.regular_file import regular


def mapped(folder: Path, manifest: Manifest, part: Part, name: str) -> np.ndarray:
    """An array of a part of the gallery in `folder`, memory-mapped. Raises ModelFileError where it isn't, to the byte,
    what the manifest promises."""
    path = folder / part.name / name
    shape, dtype = manifest.arrays(part.count)[name]
    try:
        array = np.lib.format.open_memmap(regular(path), mode="r")
        whole = array.flags.c_contiguous and array.offset + array.nbytes == path.stat().st_size
        if array.shape != shape or array.dtype != dtype or not whole:
            raise ValueError(f"{part.name}/{name} is not {shape} of {dtype}")
    except FileNotFoundError:
        raise unsound(folder, ValueError(f"{part.name}/{name} is missing")) from None
    except BROKEN as error:
        raise unsound(folder, error) from None
    return array.view(np.ndarray)


class PartWriter:
    """A part in the making, in a folder under another name. count: entries so far."""

    def __init__(self, folder: Path, manifest: Manifest):
        """Raises OSError, as all that it does."""
        # What a killed build has left.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._folder, self.count = folder, 0
        self._files = [_Rows(folder / name, shape[1:], dtype) for name, (shape, dtype) in manifest.arrays(0).items()]

    def add(self, *rows: np.ndarray) -> None:
        """A row for each file, in the manifest's order."""
        for file, row in zip(self._files, rows):
            file.add(row)
        self.count += 1

    def finish(self, target: Path) -> None:
        """Gives the part its name."""
        for file in self._files:
            file.finish(self.count)
        # Of a build that was killed before its manifest named the part.
        shutil.rmtree(target, ignore_errors=True)
        os.rename(self._folder, target)

    def discard(self) -> None:
        """Takes it from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Rows:
    """A .npy file whose rows come one by one."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype):
        self._shape, self._dtype = shape, dtype
        self._file = path.open("wb")
        self._write_header(0)
        self._begin = self._file.tell()

    def add(self, row: np.ndarray) -> None:
        self._file.write(np.asarray(row).astype(self._dtype).tobytes())

    def finish(self, count: int) -> None:
        """Leaves `count` rows: an interrupted `add` may have written one that the other files lack."""
        with self._file:
            self._file.truncate(self._begin + count * int(np.prod(self._shape)) * self._dtype.itemsize)
            self._file.seek(0)
            self._write_header(count)

    def _write_header(self, count: int) -> None:
        """numpy leaves room for the first axis to grow: the header is as long for any count."""
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
