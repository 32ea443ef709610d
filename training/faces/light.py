"""Light: second-order spherical harmonics for the surroundings, one lamp with a shadow, and the skin's gloss."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.raster import rasterize

_SHADOW_SIZE = 320
_SHADOW_BIAS = 4e-3


@dataclass(frozen=True)
class Light:
    """harmonics: (9, 3) of RGB irradiance; lamp: (3,) unit direction to it; color: (3,) of the lamp; gloss, sharpness:
    of the highlights. Camera frame (x right, y down, z forward)."""

    harmonics: np.ndarray
    lamp: np.ndarray
    color: np.ndarray
    gloss: float
    sharpness: float


def sample_light(rng) -> Light:
    """From soft overcast to one hard lamp from the side; white balance and tint vary."""
    tint = np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.10) * np.array([1, 0, -1]))
    harmonics = np.zeros((9, 3))
    harmonics[0] = rng.uniform(0.25, 0.7) * tint
    # The first order leans up and towards the camera; the second is what windows and walls leave.
    lean = rng.normal([0, -0.12, -0.10], [0.12, 0.10, 0.08])
    harmonics[1:4] = lean[:, None] * tint * np.exp(rng.normal(0, 0.1, 3))
    harmonics[4:] = rng.normal(0, 0.05, (5, 1)) * tint * np.exp(rng.normal(0, 0.1, 3))
    lamp = np.array([rng.normal(0, 0.8), rng.normal(-0.45, 0.45), -rng.uniform(0.15, 1.2)])
    strength = rng.choice([0.0, rng.uniform(0.2, 0.7), rng.uniform(0.6, 1.6)], p=[0.15, 0.5, 0.35])
    color = strength * np.exp(rng.normal(0, 0.06, 3) + rng.normal(0, 0.08) * np.array([1, 0, -1]))
    return Light(harmonics, lamp / np.linalg.norm(lamp), color, rng.uniform(0.0, 0.10), rng.uniform(8, 45))


def lit(vertices: np.ndarray, triangles: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """(V,) 0..1: how far each vertex (V, 3) sees the lamp, from a depth image of the mesh as the lamp sees it."""
    across = np.cross(lamp, [0.0, 1.0, 0.0] if abs(lamp[1]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(-lamp, across), -lamp])
    placed = (vertices - vertices.mean(0)) @ axes.T
    reach = np.abs(placed).max()
    # A lamp 20 heads away, so that the picture is nearly orthographic.
    placed[:, 2] += 20 * reach
    focal = 0.46 * _SHADOW_SIZE * 19
    K = np.array([[focal, 0, _SHADOW_SIZE / 2], [0, focal, _SHADOW_SIZE / 2], [0, 0, 1.0]])
    camera = Camera(K, _SHADOW_SIZE, _SHADOW_SIZE)
    depth = rasterize(placed, triangles, camera).depth
    pixels = camera.project(placed)
    seen = np.zeros(len(vertices), np.float32)
    for shift in ((-0.8, -0.8), (0.8, -0.8), (-0.8, 0.8), (0.8, 0.8)):
        x, y = np.clip(np.rint(pixels + shift).astype(int), 0, _SHADOW_SIZE - 1).T
        seen += placed[:, 2] < depth[y, x] + _SHADOW_BIAS
    return seen / 4


def open_sky(vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray, count: int = 96) -> np.ndarray:
    """(V,) 0..1: the part of the sky's light, by the cosine to the normals (V, 3), that reaches each vertex (V, 3)."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    height = 1 - (2 * np.arange(count) + 1) / count
    ring = np.sqrt(1 - height**2)
    reached, all_ = np.zeros(len(vertices)), np.full(len(vertices), 1e-9)
    for way in np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height]):
        cosine = np.clip(normals @ way, 0, 1)
        reached += cosine * lit(vertices, triangles, way)
        all_ += cosine
    return (reached / all_).astype(np.float32)


def shade(albedo, normals, to_camera, seen, sky, light: Light) -> np.ndarray:
    """Linear RGB (P, 3) of surface points: albedo (P, 3), unit normals and directions to the camera (P, 3), and how far
    they see the lamp and the sky (P,) each."""
    x, y, z = normals.T
    basis = np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1)
    # Light that hollows send to one another is tinted by the skin: they turn redder as they darken.
    ambient = np.maximum(basis @ light.harmonics.astype(np.float32), 0.04) * sky[:, None] ** (2 - albedo)
    cosine = normals @ light.lamp.astype(np.float32)
    # Light goes on beneath the skin beyond the shadow's edge, red farthest.
    wrap = np.array([0.22, 0.08, 0.05], np.float32)
    lamp = np.clip((cosine[:, None] + wrap) / (1 + wrap), 0, 1) * (seen * np.sqrt(sky))[:, None]
    half = to_camera + light.lamp.astype(np.float32)
    half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
    highlight = np.clip((normals * half).sum(1), 0, 1) ** np.float32(light.sharpness) * seen * light.gloss
    color = light.color.astype(np.float32)
    return albedo * (ambient + lamp * color) + highlight[:, None] * (color * 2)


def exposed(picture: np.ndarray, mask: np.ndarray, rng) -> np.ndarray:
    """Linear picture (H, W, 3) scaled as a camera's metering would, by the masked part, not always well; 0..1 coded."""
    level = float(np.median(picture[mask])) if mask.any() else 0.3
    target = np.exp(rng.normal(np.log(0.26), 0.35))
    # Metering half follows the scene: dark skin stays darker than pale skin.
    gain = target / 0.26 * (0.26 / max(level, 0.02)) ** rng.uniform(0.5, 1.0)
    linear = np.clip(picture * gain, 0, None)
    linear = linear / (1 + np.maximum(linear - 0.7, 0))  # a soft shoulder
    coded = cv2.pow(np.clip(linear, 0, 1).astype(np.float32), 1 / rng.uniform(1.9, 2.4))
    contrast = rng.uniform(0.85, 1.2)
    return np.clip((coded - 0.45) * contrast + 0.45 + rng.normal(0, 0.02), 0, 1)
