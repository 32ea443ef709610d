"""Named arrays of numbers out of HDF5 and MATLAB files, read in a process of its own: h5py and SciPy go down with a
segmentation fault on some broken files (github.com/HDFGroup/hdf5/issues/5193 and others).

`python -m extreme3d_ros.untrusted.named_arrays SOURCE NAME,NAME... TARGET` is that process.
"""

from __future__ import annotations

import math
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.confined import answer, read_confined
from extreme3d_ros.untrusted.npz import LARGEST, MOST_NUMBERS
from extreme3d_ros.untrusted.regular_file import regular

_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Where HDF5's signature may stand; a v7.3 mat file has a header of its own before it.
_SIGNATURE_PLACES = (0, 512)
#: MATLAB's classes of numbers; others are cells, structs, texts, objects.
_NUMERIC = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def read_named(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The wanted arrays of a file; sizes are checked before anything is allocated.

    Raises Broken where one is missing or no array of numbers, OSError, and ModelFileError where h5py is missing.
    """
    if _is_hdf5(path) and not find_spec("h5py"):
        remedy = "pip install 'extreme3d_ros[importers]'"
        raise ModelFileError(f"{path} is an HDF5 file, which h5py reads: {remedy}")
    return read_confined(__name__, str(path.absolute()), ",".join(wanted))


def _is_hdf5(path: Path) -> bool:
    with open(regular(path), "rb") as file:
        start = file.read(max(_SIGNATURE_PLACES) + len(_HDF5))
    return any(start[place : place + len(_HDF5)] == _HDF5 for place in _SIGNATURE_PLACES)


def _read(source: str, wanted: list[str]) -> dict[str, np.ndarray]:
    """What the process does. Raises Broken, and whatever h5py and SciPy do."""
    return (_of_hdf5 if _is_hdf5(Path(source)) else _of_matlab)(source, wanted)


def _of_hdf5(source, wanted):
    import h5py

    with h5py.File(source, "r") as file:
        datasets = {key: _dataset(h5py, file, key) for key in wanted}
        _check({key: (dataset.shape, dataset.dtype) for key, dataset in datasets.items()})
        return {key: dataset[()] for key, dataset in datasets.items()}


def _dataset(h5py, file, key):
    """A dataset that lies in this very file."""
    link = file.get(key, getlink=True)
    if link is None:
        raise Broken(f"{key} is missing")
    dataset = file[key] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise Broken(f"{key} is no array of this file")
    return dataset


def _of_matlab(source, wanted):
    from scipy.io import loadmat, whosmat

    told = [matrix for matrix in whosmat(source, appendmat=False) if matrix[0] in wanted]
    found = {name: (shape, np.dtype(kind if kind in _NUMERIC else "V")) for name, shape, kind in told}
    for key in wanted:
        if key not in found:
            raise Broken(f"{key} is missing")
    if len(told) > len(found):
        raise Broken("an array is there twice")
    _check(found)
    arrays = loadmat(source, appendmat=False, variable_names=wanted)
    _check({key: (arrays[key].shape, arrays[key].dtype) for key in wanted})  # only now complex numbers show
    return {key: arrays[key] for key in wanted}


def _check(found: dict[str, tuple[tuple[int, ...] | None, np.dtype]]) -> None:
    """Raises Broken where the arrays that a file announces, shapes and types by their names, are not of numbers, or not
    of believable sizes, each and together."""
    total = 0
    for name, (shape, dtype) in found.items():
        if dtype.kind not in "fiu":
            raise Broken(f"{name} does not hold numbers")
        count = math.prod(shape or (0,))
        if not 0 < count <= MOST_NUMBERS or min(shape or (0,)) < 0:
            raise Broken(f"{name} has the shape {shape}")
        total += count * dtype.itemsize
    if total > LARGEST:
        raise Broken(f"its arrays take more than {LARGEST >> 20} MB")


if __name__ == "__main__":
    sys.exit(answer(lambda: _read(sys.argv[1], sys.argv[2].split(",")), sys.argv[3]))
