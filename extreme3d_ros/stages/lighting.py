"""Spherical-harmonics lighting (Basri and Jacobs 2003): shading of a matt surface as a quadric of its normal."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.geometry.sampling import some_of

#: Rounds of reweighting, after which a light hardly changes any more.
_ROUNDS = 4


def basis(normals: np.ndarray) -> np.ndarray:
    """The nine second-order harmonics, unnormalised: (..., 3) unit normals to (..., 9)."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], axis=-1)


def shade(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """basis(normals) @ light, (...), in the normals' precision and without forming the basis."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    c = light.astype(normals.dtype)
    linear = c[0] - c[8] + x * (c[1] + c[4] * y + c[6] * z + c[7] * x) + y * (c[2] + c[5] * z - c[7] * y)
    return linear + z * (c[3] + 3 * c[8] * z)


def gradient(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Derivative of the shading basis(n) @ light by the normal: (..., 3)."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    c = light.astype(normals.dtype)
    return np.stack(
        [
            c[1] + c[4] * y + c[6] * z + 2 * c[7] * x,
            c[2] + c[4] * x + c[5] * z - 2 * c[7] * y,
            c[3] + c[5] * y + c[6] * x + 6 * c[8] * z,
        ],
        axis=-1,
    )


def of_skin(normals: np.ndarray, brightness: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The light (9,), `estimate`d on some of the skin's pixels. normals: (H, W, 3); brightness: (H, W); skin: (H, W)
    bool."""
    some = some_of(skin)
    return estimate(normals.reshape(-1, 3)[some], brightness.ravel()[some])


def estimate(normals: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """The light (9,) that explains intensities (N,) of a surface of even albedo with normals (N, 3).

    Robust (Tukey's weights about the median deviation), and drawn softly towards plain ambient light, so that few or
    one-sided normals give a tame answer.
    """
    A = basis(normals).astype(np.float64)
    level = np.mean(intensities)
    # Second-order terms are small for real lights: they carry a stronger prior than the directional ones.
    prior = np.array([0, 1, 1, 1, 5, 5, 5, 5, 5]) * 2e-4 * len(A)
    light, robust = np.zeros(9), np.ones(len(A))
    for _ in range(_ROUNDS):
        weighted = A * robust[:, None]
        light = np.linalg.solve(weighted.T @ A + np.diag(prior + 1e-9), weighted.T @ intensities)
        residual = np.abs(A @ light - intensities)
        limit = 4.685 * 1.4826 * max(np.median(residual), 1e-3 * level)
        robust = np.clip(1 - (residual / limit) ** 2, 0, None) ** 2
    return light
