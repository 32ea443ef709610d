"""The face model's file: one half of a symmetric model in a compressed npz, nothing pickled.

Models that have no such half are stored whole (full_layout.py); the array `layout` says so. Of the half:
vertices run M on the midline, L on the person's left, then the L right twins, which are not stored; triangles run the
left half, then its twins, not stored either. Arrays (H = M + L): name; midline M; mean (H, 3) float32;
{shape,expression}_modes (K, H, 3) float16 times {...}_scale (K,) float32; {...}_sign (K,) int8, +1 a symmetric mode, -1
an antisymmetric one; faces (T/2, 3); uv (H, 2); regions (H,); {landmarks68,landmarks468}_triangles (N,) into all faces
and _barycentric (N, 3); landmark_noise (468,).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.face_model.full_layout import LAYOUT, expand_full, promises
from extreme3d_ros.face_model.model import DEFAULT_MODEL, MOUTH_INTERIOR, Embedding, FaceModel
from extreme3d_ros.untrusted.npz import BROKEN, read_npz

_MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)
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
    except BROKEN as error:
        raise ModelFileError(f"{path} is not a readable face model ({reason(error)}): {remedy}") from None
    try:
        return _from_arrays(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a face model of this package ({reason(error)}): {remedy}") from None


def _from_arrays(arrays) -> FaceModel:
    """The model, checked. Raises KeyError, TypeError or ValueError, naming the array."""
    if arrays["name"].shape != ():
        raise ValueError(f"name has the shape {arrays['name'].shape}, not ()")
    if "layout" not in arrays:
        _check(arrays)
        return _expand(arrays)
    if str(arrays["layout"]) != LAYOUT:
        raise ValueError(f"the layout {str(arrays['layout'])[:20]!r} is unknown")
    _check_all(arrays, *promises(arrays))
    return expand_full(arrays)


def save_face_model(path: Path, *, midline: int, signs: dict[str, np.ndarray], model: FaceModel) -> None:
    """Write the half of a symmetric model with M = midline; signs: +1 or -1 per mode, keys shape and expression."""
    half = (len(model.mean) + midline) // 2
    arrays = {
        "name": np.array(model.name),
        "midline": np.array(midline, np.int32),
        "mean": model.mean[:half].astype(np.float32),
        "faces": model.faces[: len(model.faces) // 2].astype(np.uint16 if len(model.mean) < 65536 else np.int32),
        "uv": model.uv[:half].astype(np.float32),
        "regions": model.regions[:half].astype(np.uint8),
        "landmark_noise": model.landmark_noise.astype(np.float32),
    }
    arrays["mean"][:midline, 0] = 0.0
    for name, sign in signs.items():
        modes = getattr(model, f"{name}_modes")[:, :half].astype(np.float64)
        # On the midline a symmetric mode moves within the plane, an antisymmetric one across it.
        modes[:, :midline] *= np.where(sign[:, None, None] > 0, [0.0, 1.0, 1.0], [1.0, 0.0, 0.0])
        scale = np.abs(modes).max((1, 2))
        arrays[f"{name}_modes"] = (modes / scale[:, None, None]).astype(np.float16)
        arrays[f"{name}_scale"] = scale.astype(np.float32)
        arrays[f"{name}_sign"] = sign.astype(np.int8)
    for name in ("landmarks68", "landmarks468"):
        embedding = getattr(model, name)
        arrays[f"{name}_triangles"] = embedding.triangles.astype(np.int32)
        arrays[f"{name}_barycentric"] = embedding.barycentric.astype(np.float32)
    np.savez_compressed(path, **arrays)


def _check(arrays):
    """Shapes, kinds of number, finiteness and index ranges; raises KeyError or ValueError, naming the array."""
    if arrays["midline"].shape != ():
        raise ValueError(f"midline has the shape {arrays['midline'].shape}, not ()")
    H, M, T = len(arrays["mean"]), int(arrays["midline"]), 2 * len(arrays["faces"])
    if not (0 < M < H and T > 0):
        raise ValueError(f"midline and mean do not fit: {M} of {H} vertices")
    real = {"mean": (H, 3), "uv": (H, 2), "landmark_noise": (468,)}
    whole = {"faces": ((T // 2, 3), 0, 2 * H - M), "regions": ((H,), 0, MOUTH_INTERIOR + 1)}
    for name in ("shape", "expression"):
        K = len(arrays[f"{name}_modes"])
        real |= {f"{name}_modes": (K, H, 3), f"{name}_scale": (K,)}
        whole[f"{name}_sign"] = ((K,), -1, 2)
    for name, N in (("landmarks68", 68), ("landmarks468", 468)):
        real[f"{name}_barycentric"] = (N, 3)
        whole[f"{name}_triangles"] = ((N,), 0, T)
    _check_all(arrays, real, whole)
    for name in ("shape", "expression"):
        if not arrays[f"{name}_sign"].all():
            raise ValueError(f"{name}_sign is neither +1 nor -1 somewhere")


def _check_all(arrays, real, whole):
    """real: {key: shape}; whole: {key: (shape, first, end)}."""
    for key, shape in real.items():
        _check_array(key, arrays[key], shape, "f")
        if not np.isfinite(arrays[key]).all():
            raise ValueError(f"{key} is not finite")
    for key, (shape, first, end) in whole.items():
        _check_array(key, arrays[key], shape, "iu")
        if arrays[key].min(initial=first) < first or arrays[key].max(initial=first) >= end:
            raise ValueError(f"{key} is out of range")


def _check_array(key, array, shape, kinds):
    if array.shape != shape:
        raise ValueError(f"{key} has the shape {array.shape}, not {shape}")
    if array.dtype.kind not in kinds:
        raise ValueError(f"{key} has the type {array.dtype}")


def _expand(arrays) -> FaceModel:
    """The whole model from its half."""
    H, M = len(arrays["mean"]), int(arrays["midline"])
    left = np.arange(M, H)
    mirror = np.concatenate([np.arange(M), left + H - M, left]).astype(np.int32)
    half_faces = arrays["faces"].astype(np.int32)
    half_count = np.arange(len(half_faces), dtype=np.int32)
    uv = arrays["uv"].astype(np.float32)
    return FaceModel(
        name=str(arrays["name"]),
        mean=np.concatenate([arrays["mean"], arrays["mean"][M:] * _MIRROR]).astype(np.float32),
        shape_modes=_expand_modes(arrays, "shape", M),
        expression_modes=_expand_modes(arrays, "expression", M),
        faces=np.concatenate([half_faces, mirror[half_faces[:, [0, 2, 1]]]]),
        mirror=mirror,
        mirror_faces=np.concatenate([half_count + len(half_faces), half_count]),
        uv=np.concatenate([uv, uv[M:] * _MIRROR[:2] + np.array([1.0, 0.0], np.float32)]),
        regions=np.concatenate([arrays["regions"], arrays["regions"][M:]]).astype(np.uint8),
        landmarks68=_embedding(arrays, "landmarks68"),
        landmarks468=_embedding(arrays, "landmarks468"),
        landmark_noise=arrays["landmark_noise"].astype(np.float32),
    )


def _expand_modes(arrays, name, M):
    """(K, V, 3) float32."""
    stored, scale = arrays[f"{name}_modes"], arrays[f"{name}_scale"].astype(np.float32)
    K, H, _ = stored.shape
    modes = np.empty((K, 2 * H - M, 3), np.float32)
    modes[:, :H] = stored
    modes[:, :H] *= scale[:, None, None]
    np.multiply(modes[:, M:H], _MIRROR * arrays[f"{name}_sign"].astype(np.float32)[:, None, None], out=modes[:, H:])
    return modes


def _embedding(arrays, name):
    triangles = arrays[f"{name}_triangles"].astype(np.int32)
    return Embedding(triangles, arrays[f"{name}_barycentric"].astype(np.float32))
