"""Named numeric arrays out of HDF5 and MATLAB files: nothing but numbers is read, and sizes come before reading."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.importers.mat5 import read_mat5
from extreme3d_ros.face_model.importers.source import BrokenSource
from extreme3d_ros.untrusted.confined import Unread, read_confined
from extreme3d_ros.untrusted.regular_file import regular

_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Where HDF5's signature may stand; a v7.3 mat file has a header of its own before it.
_SIGNATURE_PLACES = (0, 512)


def read_arrays(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The wanted arrays of a file. Raises BrokenSource where one is missing, and OSError."""
    with open(regular(path), "rb") as file:
        start = file.read(max(_SIGNATURE_PLACES) + len(_HDF5))
    hdf5 = any(start[place : place + len(_HDF5)] == _HDF5 for place in _SIGNATURE_PLACES)
    return _read_hdf5(path, wanted) if hdf5 else read_mat5(path, wanted)


def _read_hdf5(path, wanted):
    if not find_spec("h5py"):
        remedy = "pip install 'extreme3d_ros[importers]'"
        raise ModelFileError(f"{path} is an HDF5 file, which h5py reads: {remedy}")
    try:
        return read_confined("extreme3d_ros.face_model.importers.hdf5", str(path.absolute()), ",".join(wanted))
    except Unread as error:
        raise BrokenSource(str(error)) from None
