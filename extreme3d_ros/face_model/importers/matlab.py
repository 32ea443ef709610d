"""Named numeric arrays out of HDF5 and MATLAB files: nothing but numbers is read, and sizes come before reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.importers.mat5 import read_mat5
from extreme3d_ros.face_model.importers.source import BrokenSource, check_array

_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Where HDF5's signature may stand; a v7.3 mat file has a header of its own before it.
_SIGNATURE_PLACES = (0, 512)


def read_arrays(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The wanted arrays of a file. Raises BrokenSource where one is missing, and OSError."""
    with open(path, "rb") as file:
        start = file.read(max(_SIGNATURE_PLACES) + len(_HDF5))
    hdf5 = any(start[place : place + len(_HDF5)] == _HDF5 for place in _SIGNATURE_PLACES)
    return _read_hdf5(path, wanted) if hdf5 else read_mat5(path, wanted)


def _read_hdf5(path, wanted):
    try:
        import h5py
    except ModuleNotFoundError:
        remedy = "pip install 'extreme3d_ros[importers]'"
        raise ModelFileError(f"{path} is an HDF5 file, which h5py reads: {remedy}") from None
    try:
        with h5py.File(path, "r") as file:
            return {key: _dataset(h5py, file, key)[()] for key in wanted}
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise BrokenSource(f"broken HDF5: {error}") from None


def _dataset(h5py, file, key):
    """A dataset of numbers that lies in this very file."""
    link = file.get(key, getlink=True)
    if link is None:
        raise BrokenSource(f"{key} is missing")
    dataset = file[key] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise BrokenSource(f"{key} is no array of this file")
    check_array(key, dataset.shape, dataset.dtype.kind in "fiu")
    return dataset
