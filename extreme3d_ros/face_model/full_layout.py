"""The face model's file, second layout: a whole model, for those that are not half of something (imported ones).

Arrays: layout "full"; name; mean (V, 3), {shape,expression}_modes (K, V, 3) float; faces (T, 3); mirror (V,);
uv (V, 2); regions (V,); {landmarks68,landmarks468}_triangles (N,) and _barycentric (N, 3); landmark_noise (468,).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from extreme3d_ros.face_model.model import MOUTH_INTERIOR, Embedding, FaceModel
from extreme3d_ros.face_model.twins import face_twins

LAYOUT = "full"
POINTS = {"landmarks68": 68, "landmarks468": 468}
#: {key: shape} of real arrays, {key: (shape, first, end)} of arrays of whole numbers, which are below `end`.
Promises = tuple[dict[str, tuple], dict[str, tuple]]

_REAL = ("mean", "shape_modes", "expression_modes", "uv", "landmark_noise")
_WHOLE = {"faces": np.int32, "mirror": np.int32, "regions": np.uint8}


def save_full(file: BinaryIO, model: FaceModel) -> None:
    """Write any model. Uncompressed: modes in full precision hardly shrink and load faster so."""
    np.savez(file, layout=np.array(LAYOUT), **arrays_of(model))


def arrays_of(model: FaceModel) -> dict[str, np.ndarray]:
    """The arrays above, but for the layout."""
    arrays = {"name": np.array(model.name)}
    arrays |= {key: getattr(model, key).astype(np.float32) for key in _REAL}
    arrays |= {key: getattr(model, key).astype(dtype) for key, dtype in _WHOLE.items()}
    for key in POINTS:
        embedding = getattr(model, key)
        arrays[f"{key}_triangles"] = embedding.triangles.astype(np.int32)
        arrays[f"{key}_barycentric"] = embedding.barycentric.astype(np.float32)
    return arrays


def promises(arrays: Mapping[str, np.ndarray]) -> Promises:
    """What the arrays have to be. Raises KeyError, ValueError."""
    V, T = len(arrays["mean"]), len(arrays["faces"])
    if min(V, T) < 3:
        raise ValueError(f"{V} vertices and {T} triangles are no mesh")
    real, whole = common_promises(V, T)
    for name in ("shape", "expression"):
        real[f"{name}_modes"] = (len(arrays[f"{name}_modes"]), V, 3)
    return real, whole | {"faces": ((T, 3), 0, V), "mirror": ((V,), 0, V)}


def common_promises(stored: int, T: int) -> Promises:
    """Of both layouts. stored: how many vertices the file has; T: how many triangles the model has."""
    real: dict[str, tuple] = {"mean": (stored, 3), "uv": (stored, 2), "landmark_noise": (468,)}
    whole: dict[str, tuple] = {"regions": ((stored,), 0, MOUTH_INTERIOR + 1)}
    for name, N in POINTS.items():
        real[f"{name}_barycentric"] = (N, 3)
        whole[f"{name}_triangles"] = ((N,), 0, T)
    return real, whole


def expand(arrays: Mapping[str, np.ndarray], mirror_faces: np.ndarray | None = None) -> FaceModel:
    """The model from its checked arrays. mirror_faces: (T,) by default found by the triangles' corners."""
    real = {key: arrays[key].astype(np.float32, copy=False) for key in _REAL}
    whole = {key: arrays[key].astype(dtype, copy=False) for key, dtype in _WHOLE.items()}
    if mirror_faces is None:
        mirror_faces = face_twins(whole["faces"], whole["mirror"])
    points = {
        name: Embedding(arrays[f"{name}_triangles"].astype(np.int32), arrays[f"{name}_barycentric"].astype(np.float32))
        for name in POINTS
    }
    parts: dict[str, Any] = {**real, **whole, **points}
    return FaceModel(name=str(arrays["name"]), mirror_faces=mirror_faces, **parts)
