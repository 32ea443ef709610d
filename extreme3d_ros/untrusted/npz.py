"""Arrays out of an npz file that anyone may have written: nothing pickled, nothing larger than it says."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import reason
from extreme3d_ros.untrusted.regular_file import regular

#: What a file's arrays may take together, bytes, and how many numbers one of them may hold: a model of 100,000 vertices
#: and 250 modes.
LARGEST, MOST_NUMBERS = 1 << 30, 75_000_000
#: All that zipfile and numpy raise for a broken archive or array.
BROKEN = (
    *(OSError, ValueError, TypeError, EOFError, KeyError, OverflowError, MemoryError, NotImplementedError),
    *(RuntimeError, SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
#: What numpy writes; of others zipfile unpacks a piece at once, however much comes of it.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive, of numbers or of text; sizes are checked before anything is allocated.

    Raises OSError; ValueError, which says why, where it is no such archive.
    """
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB")
            return {info.filename.removesuffix(".npy"): _read(archive, info) for info in archive.infolist()}
    except OSError:
        raise
    except BROKEN as error:
        raise ValueError(reason(error)) from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type not in _PACKED:
        raise ValueError(f"{info.filename} is packed as numpy packs nothing")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{info.filename} has the npy version {version}")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds pickled objects")
        if dtype.kind not in "biufU":
            raise ValueError(f"{info.filename} has the type {dtype}")
        count = math.prod(shape)
        if min(shape, default=0) < 0 or count > MOST_NUMBERS:
            raise ValueError(f"{info.filename} has the shape {shape}")
        if count * dtype.itemsize + file.tell() != info.file_size:
            raise ValueError(f"{info.filename} is not as long as its header says")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
