"""The face model's file, second layout: a whole model, for those that are not half of something (imported ones).

Arrays: layout "full"; name; mean (V, 3), {shape,expression}_modes (K, V, 3) float; faces (T, 3); mirror (V,);
uv (V, 2); regions (V,); {landmarks68,landmarks468}_triangles (N,) and _barycentric (N, 3); landmark_noise (468,).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from extreme3d_ros.face_model.model import MOUTH_INTERIOR, Embedding, FaceModel
from extreme3d_ros.face_model.twins import face_twins

LAYOUT = "full"


def save_full(file: BinaryIO, model: FaceModel) -> None:
    """Write any model. Uncompressed: modes in full precision hardly shrink and load faster so."""
    arrays = {
        "layout": np.array(LAYOUT),
        "name": np.array(model.name),
        "mean": model.mean.astype(np.float32),
        "shape_modes": model.shape_modes.astype(np.float32),
        "expression_modes": model.expression_modes.astype(np.float32),
        "faces": model.faces.astype(np.int32),
        "mirror": model.mirror.astype(np.int32),
        "uv": model.uv.astype(np.float32),
        "regions": model.regions.astype(np.uint8),
        "landmark_noise": model.landmark_noise.astype(np.float32),
    }
    for name in ("landmarks68", "landmarks468"):
        embedding = getattr(model, name)
        arrays[f"{name}_triangles"] = embedding.triangles.astype(np.int32)
        arrays[f"{name}_barycentric"] = embedding.barycentric.astype(np.float32)
    np.savez(file, **arrays)


def promises(arrays: Mapping[str, np.ndarray]) -> tuple[dict, dict]:
    """What the arrays have to be: {key: shape} of real ones, {key: (shape, first, end)} of whole numbers."""
    V, T = len(arrays["mean"]), len(arrays["faces"])
    if min(V, T) < 3:
        raise ValueError(f"{V} vertices and {T} triangles are no mesh")
    real = {"mean": (V, 3), "uv": (V, 2), "landmark_noise": (468,)}
    whole = {"faces": ((T, 3), 0, V), "mirror": ((V,), 0, V), "regions": ((V,), 0, MOUTH_INTERIOR + 1)}
    for name in ("shape", "expression"):
        real[f"{name}_modes"] = (len(arrays[f"{name}_modes"]), V, 3)
    for name, N in (("landmarks68", 68), ("landmarks468", 468)):
        real[f"{name}_barycentric"] = (N, 3)
        whole[f"{name}_triangles"] = ((N,), 0, T)
    return real, whole


def expand_full(arrays: Mapping[str, np.ndarray]) -> FaceModel:
    """The model from its checked arrays."""
    faces, mirror = arrays["faces"].astype(np.int32), arrays["mirror"].astype(np.int32)
    points = {
        name: Embedding(arrays[f"{name}_triangles"].astype(np.int32), arrays[f"{name}_barycentric"].astype(np.float32))
        for name in ("landmarks68", "landmarks468")
    }
    return FaceModel(
        name=str(arrays["name"]),
        mean=arrays["mean"].astype(np.float32),
        shape_modes=arrays["shape_modes"].astype(np.float32),
        expression_modes=arrays["expression_modes"].astype(np.float32),
        faces=faces,
        mirror=mirror,
        mirror_faces=face_twins(faces, mirror),
        uv=arrays["uv"].astype(np.float32),
        regions=arrays["regions"].astype(np.uint8),
        landmark_noise=arrays["landmark_noise"].astype(np.float32),
        **points,
    )
