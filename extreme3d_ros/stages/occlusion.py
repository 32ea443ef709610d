"""Occlusion labels: which part of the face's visible side is skin, and which an object hides.

A first segmenter without a network: the face's own skin colour is learned from the image, robustly and after removal of
shading, and pixels that disagree with it are taken as hidden. Brows, eyes, lips and the mouth disagree by nature; they
follow the skin around them.
"""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.face_model.model import SKIN, FaceModel
from extreme3d_ros.geometry.sampling import some_of
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Surface
from extreme3d_ros.stages import lighting

#: Surfaces seen more obliquely than this (cosine, about 80 degrees) count as turned away.
GRAZING = 0.17
#: Squared Mahalanobis distance from the skin's colour beyond which a pixel is no skin (3 channels, 4 sigma).
_DISAGREES = 16.0
#: Spread of log chromaticities and log brightness that skin has at the least.
_LEAST_SPREAD = np.array([0.05, 0.05, 0.25])
#: Radius (sigma) of the vote, in pixels.
_VOTE = 4.0
#: Blobs smaller than this share of the face are moles, nostrils or highlights, not objects.
_LEAST_BLOB = 0.01


class SkinSegmenter:
    """Labels the crop's pixels NOT_FACE, VISIBLE, HIDDEN or TURNED_AWAY."""

    def __init__(self, model: FaceModel):
        self._faces = model.faces
        self._skin = (model.regions == SKIN).astype(np.float32)[:, None]

    def __call__(self, crop: Crop, surface: Surface) -> np.ndarray:
        """(512, 512) uint8 labels."""
        covered = surface.raster.covered
        side = covered & (surface.facing > GRAZING)
        labels = np.where(covered, TURNED_AWAY, NOT_FACE).astype(np.uint8)
        labels[side] = VISIBLE
        part = surface.box
        skin = side[part] & (surface.raster.interpolate(self._faces, self._skin)[part][..., 0] > 0.99)
        if np.count_nonzero(skin) > 100:
            coordinates = skin_coordinates(crop.image[part], surface.normals[part], skin)
            labels[part][side[part] & _disagreement(coordinates, skin, side[part])] = HIDDEN
        return labels


def _disagreement(coordinates, skin, side) -> np.ndarray:
    """(H, W) bool: pixels of the visible side that disagree with the face's skin colour."""
    centre, precision = _robust_gaussian(coordinates.reshape(-1, 3)[some_of(skin)])
    whitened = (coordinates - centre) @ np.linalg.cholesky(precision)
    distance = whitened[..., 0] ** 2 + whitened[..., 1] ** 2 + whitened[..., 2] ** 2
    disagrees = (distance > _DISAGREES).astype(np.float32)
    # A majority vote of the skin around each pixel; brows, eyes and lips have no vote of their own.
    votes = skin.astype(np.float32)
    share = cv2.GaussianBlur(disagrees * votes, (0, 0), _VOTE) / (cv2.GaussianBlur(votes, (0, 0), _VOTE) + 1e-3)
    return without_specks(share > 0.5, int(_LEAST_BLOB * np.count_nonzero(side)))


def skin_coordinates(image: np.ndarray, normals: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(H, W, 3): log red/green, log blue/green, and log brightness after division by the shading that fits the skin.

    image: (H, W, 3) uint8 BGR; normals: (H, W, 3); skin: (H, W) bool, where skin is to be expected.
    """
    log = np.log(cv2.GaussianBlur(linear_light(image) + np.float32(0.004), (0, 0), 1.5))
    brightness = log.mean(2)
    light = lighting.of_skin(normals, np.exp(brightness), skin)
    shading = lighting.shade(normals, light)
    floor = 0.1 * max(np.median(shading[skin]), 1e-3)
    return np.stack(
        [log[..., 2] - log[..., 1], log[..., 0] - log[..., 1], brightness - np.log(np.maximum(shading, floor))], axis=-1
    )


def linear_light(image: np.ndarray) -> np.ndarray:
    """An 8-bit sRGB image as linear intensities 0..1, float32."""
    return _LINEAR[image]


_SRGB = np.arange(256) / 255.0
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _robust_gaussian(samples: np.ndarray, rounds: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Centre (3,) and inverse covariance (3, 3) of the larger, denser part of samples (N, 3)."""
    centre = np.median(samples, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(samples - centre), axis=0), _LEAST_SPREAD)
    covariance = np.diag(spread**2)
    for _ in range(rounds):
        precision = np.linalg.inv(covariance)
        whitened = (samples - centre) @ np.linalg.cholesky(precision)
        inside = (whitened**2).sum(1) < 7.8  # 95 % of a Gaussian's mass
        if np.count_nonzero(inside) < 50:
            break
        centre = samples[inside].mean(0)
        covariance = 1.2 * np.cov(samples[inside].T) + np.diag(0.25 * _LEAST_SPREAD**2)
    return centre, np.linalg.inv(np.maximum(covariance, np.diag(_LEAST_SPREAD**2)))


def without_specks(mask: np.ndarray, least: int) -> np.ndarray:
    """The mask less its blobs of fewer than `least` pixels."""
    _, blobs, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return keep[blobs]
