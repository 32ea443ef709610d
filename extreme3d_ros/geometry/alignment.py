"""Least-squares alignment of corresponding points (Umeyama 1991)."""

from __future__ import annotations

import numpy as np


def similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None, *, scale: bool = True
) -> tuple[float, np.ndarray, np.ndarray]:
    """The map p -> s R p + t that brings source (N, D) closest to target (N, D).

    weights: (N,) or None for equal ones. scale: False fixes s = 1 (rigid alignment).
    Returns (s, R (D, D) with det +1, t (D,)). Raises ValueError where the points do not determine it.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    w = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    w = w / w.sum()
    source_mean, target_mean = w @ source, w @ target
    a, b = source - source_mean, target - target_mean
    variance = w @ (a * a).sum(1)
    if not np.isfinite(variance) or variance <= 0.0:
        raise ValueError("the source points coincide or are not finite: no alignment is determined")
    U, singular, Vt = np.linalg.svd((w[:, None] * b).T @ a)
    signs = np.ones(len(singular))
    signs[-1] = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    R = (U * signs) @ Vt
    s = float(singular @ signs / variance) if scale else 1.0
    return s, R, target_mean - s * R @ source_mean
