"""The face model's file, first layout: one half of a symmetric model, compressed.

Vertices run M on the midline, L on the person's left, then the L right twins, which are not stored; triangles run the
left half, then its twins, not stored either. Arrays (H = M + L): name; midline M; mean (H, 3) float32;
{shape,expression}_modes (K, H, 3) float16 times {...}_scale (K,) float32; {...}_sign (K,) int8, +1 a symmetric mode, -1
an antisymmetric one; faces (T/2, 3); uv (H, 2); regions (H,); {landmarks68,landmarks468}_triangles (N,) into all faces
and _barycentric (N, 3); landmark_noise (468,).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.full_layout import Promises, arrays_of, common_promises
from extreme3d_ros.face_model.full_layout import expand as expand_full
from extreme3d_ros.face_model.model import FaceModel

_MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)


def save_half(path: Path, *, midline: int, signs: dict[str, np.ndarray], model: FaceModel) -> None:
    """Write the half of a symmetric model with M = midline; signs: +1 or -1 per mode, keys shape and expression."""
    half = (len(model.mean) + midline) // 2
    arrays = arrays_of(model)
    del arrays["mirror"]
    arrays |= {key: arrays[key][:half] for key in ("mean", "uv", "regions")}
    arrays["mean"][:midline, 0] = 0.0
    arrays["midline"] = np.array(midline, np.int32)
    arrays["faces"] = arrays["faces"][: len(model.faces) // 2].astype(_index_type(len(model.mean)))
    for name, sign in signs.items():
        modes = arrays[f"{name}_modes"][:, :half].astype(np.float64)
        # On the midline a symmetric mode moves within the plane, an antisymmetric one across it.
        modes[:, :midline] *= np.where(sign[:, None, None] > 0, [0.0, 1.0, 1.0], [1.0, 0.0, 0.0])
        scale = np.abs(modes).max((1, 2))
        arrays[f"{name}_modes"] = (modes / scale[:, None, None]).astype(np.float16)
        arrays[f"{name}_scale"] = scale.astype(np.float32)
        arrays[f"{name}_sign"] = sign.astype(np.int8)
    np.savez_compressed(path, **arrays)


def promises(arrays: Mapping[str, np.ndarray]) -> Promises:
    """What the arrays have to be. Raises KeyError, TypeError, ValueError."""
    if arrays["midline"].shape != ():
        raise ValueError(f"midline has the shape {arrays['midline'].shape}, not ()")
    H, M, T = len(arrays["mean"]), int(arrays["midline"]), 2 * len(arrays["faces"])
    if not (0 < M < H and T > 0):
        raise ValueError(f"midline and mean do not fit: {M} of {H} vertices")
    real, whole = common_promises(H, T)
    whole["faces"] = ((T // 2, 3), 0, 2 * H - M)
    for name in ("shape", "expression"):
        K = len(arrays[f"{name}_modes"])
        real |= {f"{name}_modes": (K, H, 3), f"{name}_scale": (K,)}
        whole[f"{name}_sign"] = ((K,), -1, 2)
        if not arrays[f"{name}_sign"].all():
            raise ValueError(f"{name}_sign is neither +1 nor -1 somewhere")
    return real, whole


def expand(arrays: Mapping[str, np.ndarray]) -> FaceModel:
    """The whole model from its half's checked arrays."""
    H, M = len(arrays["mean"]), int(arrays["midline"])
    left = np.arange(M, H)
    mirror = np.concatenate([np.arange(M), left + H - M, left]).astype(np.int32)
    faces = arrays["faces"].astype(np.int32)
    uv = arrays["uv"].astype(np.float32)
    whole = {
        "mean": np.concatenate([arrays["mean"], arrays["mean"][M:] * _MIRROR]),
        "shape_modes": _expand_modes(arrays, "shape", M),
        "expression_modes": _expand_modes(arrays, "expression", M),
        "faces": np.concatenate([faces, mirror[faces[:, [0, 2, 1]]]]),
        "mirror": mirror,
        "uv": np.concatenate([uv, uv[M:] * _MIRROR[:2] + np.array([1.0, 0.0], np.float32)]),
        "regions": np.concatenate([arrays["regions"], arrays["regions"][M:]]),
    }
    half_count = np.arange(len(faces), dtype=np.int32)
    return expand_full({**arrays, **whole}, np.concatenate([half_count + len(faces), half_count]))


def _index_type(vertices: int) -> type[np.integer]:
    return np.uint16 if vertices < 65536 else np.int32


def _expand_modes(arrays, name, M):
    """(K, V, 3) float32."""
    stored, scale = arrays[f"{name}_modes"], arrays[f"{name}_scale"].astype(np.float32)
    K, H, _ = stored.shape
    modes = np.empty((K, 2 * H - M, 3), np.float32)
    modes[:, :H] = stored
    modes[:, :H] *= scale[:, None, None]
    np.multiply(modes[:, M:H], _MIRROR * arrays[f"{name}_sign"].astype(np.float32)[:, None, None], out=modes[:, H:])
    return modes
