"""The face model's file: an npz, nothing pickled, in one of two layouts (half_layout.py, full_layout.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.face_model import full_layout, half_layout
from extreme3d_ros.face_model.model import DEFAULT_MODEL, FaceModel
from extreme3d_ros.untrusted.npz import read_npz

_REMEDY = "build it with `python -m training.face_model` or reinstall the package"
_REMEDY_OF_OTHERS = "make it with `extreme3d models import`"


def load_face_model(path: Path | str = DEFAULT_MODEL) -> FaceModel:
    """Read and check a face model file; raises ModelFileError, whose line says what to do."""
    path = Path(path)
    remedy = _REMEDY if path == DEFAULT_MODEL else _REMEDY_OF_OTHERS
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        raise ModelFileError(f"no face model at {path}: {remedy}") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} is not a readable face model ({reason(error)}): {remedy}") from None
    try:
        return _from_arrays(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a face model of this package ({reason(error)}): {remedy}") from None


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> FaceModel:
    """The model, checked. Raises KeyError, TypeError or ValueError, naming the array."""
    if arrays["name"].shape != ():
        raise ValueError(f"name has the shape {arrays['name'].shape}, not ()")
    if "layout" not in arrays:
        _check(arrays, *half_layout.promises(arrays))
        return half_layout.expand(arrays)
    if str(arrays["layout"]) != full_layout.LAYOUT:
        raise ValueError(f"the layout {str(arrays['layout'])[:20]!r} is unknown")
    _check(arrays, *full_layout.promises(arrays))
    return full_layout.expand(arrays)


def _check(arrays: Mapping[str, np.ndarray], real: Mapping[str, tuple], whole: Mapping[str, tuple]) -> None:
    """Shapes, kinds of number, finiteness and ranges: full_layout.Promises. Raises KeyError or ValueError."""
    for key, shape in real.items():
        _check_array(key, arrays[key], shape, "f")
        if not np.isfinite(arrays[key]).all():
            raise ValueError(f"{key} is not finite")
    for key, (shape, first, end) in whole.items():
        _check_array(key, arrays[key], shape, "iu")
        if arrays[key].min(initial=first) < first or arrays[key].max(initial=first) >= end:
            raise ValueError(f"{key} is out of range")


def _check_array(key: str, array: np.ndarray, shape: tuple[int, ...], kinds: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{key} has the shape {array.shape}, not {shape}")
    if array.dtype.kind not in kinds:
        raise ValueError(f"{key} has the type {array.dtype}")
