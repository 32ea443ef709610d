"""Arrays out of an npz file that anyone may have written: nothing pickled, nothing larger than it says."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

#: What an archive may unpack to, bytes: a model of 100,000 vertices and 400 modes takes half of it.
LARGEST = 1 << 30
#: All that zipfile and numpy raise for a broken archive.
BROKEN = (
    *(OSError, ValueError, TypeError, EOFError, KeyError, OverflowError, MemoryError, NotImplementedError),
    *(RuntimeError, SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive. Raises one of BROKEN; sizes are checked before anything is allocated."""
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB")
        return {info.filename.removesuffix(".npy"): _read(archive, info) for info in archive.infolist()}


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{info.filename} has the npy version {version}")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds pickled objects")
        count = 1
        for size in shape:
            count *= size
        if min(shape, default=0) < 0 or count * dtype.itemsize + file.tell() != info.file_size:
            raise ValueError(f"{info.filename} is not as long as its header says")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
