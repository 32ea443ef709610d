"""Named arrays out of an HDF5 file, in a process of its own: its library goes down with a segmentation fault on some
broken files (github.com/HDFGroup/hdf5/issues/5193 and others).

`python -m extreme3d_ros.face_model.importers.hdf5 SOURCE NAME,NAME... TARGET` writes them as an npz file.
"""

from __future__ import annotations

import sys

import numpy as np

from extreme3d_ros.face_model.importers.source import BrokenSource, check_arrays
from extreme3d_ros.untrusted.confined import answer


def read_hdf5(source: str, wanted: list[str]) -> dict[str, np.ndarray]:
    """The wanted datasets. Raises BrokenSource, and whatever h5py does."""
    import h5py

    with h5py.File(source, "r") as file:
        datasets = {key: _dataset(h5py, file, key) for key in wanted}
        check_arrays({key: (dataset.shape, dataset.dtype) for key, dataset in datasets.items()})
        return {key: dataset[()] for key, dataset in datasets.items()}


def _dataset(h5py, file, key):
    """A dataset that lies in this very file."""
    link = file.get(key, getlink=True)
    if link is None:
        raise BrokenSource(f"{key} is missing")
    dataset = file[key] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise BrokenSource(f"{key} is no array of this file")
    return dataset


if __name__ == "__main__":
    sys.exit(answer(lambda: read_hdf5(sys.argv[1], sys.argv[2].split(",")), sys.argv[3], BrokenSource))
