"""Pictures of ICT heads with a simple procedural skin, good enough for a landmark detector."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import Raster, rasterize
from training.face_model.ict import (
    EYEBALL_SIZE,
    EYEBALLS,
    IRIS_START,
    MOUTH_SOCKET,
    SKIN_VERTICES,
    TEETH,
    Ict,
    nostril_distance,
)

SIZE = 512
SKIN_PART, INNER_PART, TEETH_PART, EYE_PART = range(4)
#: Linear-light-ish RGB skin tones; a picture mixes two of them.
TONES = np.array([[0.90, 0.72, 0.62], [0.78, 0.57, 0.45], [0.60, 0.40, 0.29], [0.38, 0.24, 0.17]])
HAIR = np.array([[0.10, 0.07, 0.05], [0.25, 0.16, 0.09], [0.45, 0.33, 0.18], [0.05, 0.05, 0.05]])
IRIS = np.array([[0.25, 0.15, 0.08], [0.25, 0.35, 0.45], [0.30, 0.35, 0.18], [0.12, 0.07, 0.04]])


@dataclass(frozen=True)
class View:
    """Model to camera, p_camera = R p + t, and the camera."""

    R: np.ndarray
    t: np.ndarray
    camera: Camera

    def place(self, vertices):
        return vertices @ self.R.T + self.t


def head_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """R (3, 3) of a `View` of a head turned by these degrees: first by its yaw, then its pitch (positive: down), then
    its roll (positive: clockwise in the picture)."""
    turns = [cv2.Rodrigues(np.radians(v))[0] for v in ([0.0, 0.0, roll], [pitch, 0.0, 0.0], [0.0, yaw, 0.0])]
    return turns[0] @ np.diag([1.0, -1.0, -1.0]) @ turns[1] @ turns[2]


def sample_view(rng, yaw: float, pitch: float) -> View:
    """A camera in front of the head; yaw and pitch in degrees, with a random roll, distance and focal length."""
    focal = rng.uniform(1.0, 1.8) * SIZE
    camera = Camera(np.array([[focal, 0, (SIZE - 1) / 2], [0, focal, (SIZE - 1) / 2], [0, 0, 1.0]]), SIZE, SIZE)
    R = head_rotation(yaw, pitch, rng.normal(0.0, 4.0))
    # The face's height of 20 cm takes about half of the picture.
    distance = focal * 0.20 / (SIZE * rng.uniform(0.42, 0.60))
    shift = rng.normal(0.0, 0.01, 2)
    middle = np.array([0.0, 0.0, 0.06])
    return View(R, np.array([shift[0], shift[1], distance]) - R @ middle, camera)


class HeadPainter:
    """Renders ICT heads; holds what does not change from picture to picture."""

    def __init__(self, ict: Ict):
        head = ict.part(0, 11248)
        parts = [head, ict.part(*MOUTH_SOCKET), ict.part(*TEETH), ict.part(*EYEBALLS)]
        self.triangles = np.concatenate(parts).astype(np.int32)
        self.part = np.repeat(np.arange(4), [len(p) for p in parts])
        self.rest = ict.neutral.astype(np.float32)
        uv = np.full((len(ict.neutral), 2), -9.0, np.float32)
        uv[:SKIN_VERTICES] = ict.uv
        self.coordinates = np.concatenate([self.rest, uv], axis=1)
        left = brow_line(ict)
        self.brow_ends = left[0, 0], left[-1, 0]
        self.brow = cKDTree(_dense(left, left * [-1.0, 1.0, 1.0]))
        lids = [ict.neutral[loop] for loop in ict.lids]
        upper = [lid[lid[:, 1] > lid[:, 1].mean()] for lid in lids]
        self.lashes = cKDTree(_dense(*(u[np.argsort(u[:, 0])] for u in upper)))
        self.lips = ict.uv[ict.landmarks68[48:60]]
        self.inner_lips = ict.uv[ict.landmarks68[60:68]]
        first = EYEBALLS[0] + IRIS_START
        eyes = (range(first, first + 800), range(first + EYEBALL_SIZE, first + EYEBALL_SIZE + 800))
        self.pupils = np.array([ict.neutral[list(eye)].mean(0) for eye in eyes])

    def paint(self, vertices, view: View, rng) -> tuple[np.ndarray, Raster]:
        """An RGB picture (SIZE, SIZE, 3) uint8 of a head's vertices (N, 3), and the raster of its triangles."""
        placed = view.place(vertices).astype(np.float32)
        raster = rasterize(placed, self.triangles, view.camera)
        seen = raster.covered
        where = raster.interpolate(self.triangles, self.coordinates)[seen]
        normals = raster.interpolate(self.triangles, vertex_normals(placed, self.triangles))[seen]
        albedo = self._albedo(where, self.part[raster.triangle[seen]], rng)
        picture = _background(rng)
        picture[seen] = _shade(albedo, normals, rng)
        picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + rng.normal(0, 0.008, picture.shape)
        return (np.clip(picture, 0, 1) ** (1 / 1.6) * 255).astype(np.uint8), raster

    def _albedo(self, where, part, rng):
        """RGB (P, 3) from rest positions and uv (P, 5)."""
        place, uv = where[:, :3], where[:, 3:]
        a, b = rng.choice(len(TONES), 2)
        mix = rng.random()
        tone = mix * TONES[a] + (1 - mix) * TONES[b]
        hair = HAIR[rng.choice(len(HAIR))]
        mottle = 1 + 0.04 * np.sin(place @ rng.normal(0, 250, (3, 4)) + rng.uniform(0, 6, 4)).sum(1) / 2
        color = tone * mottle[:, None]
        # Redder cheeks and nose.
        blush = np.exp(-(((place - [0.0, 0.005, 0.11]) / [0.05, 0.02, 0.04]) ** 2).sum(1))
        color = color * (1 + blush[:, None] * [0.06, -0.06, -0.05])
        lip = soft_inside(uv, self.lips, 0.006)
        color = blend(color, tone * [0.85, 0.50, 0.50], 0.8 * lip)
        color = blend(color, tone * [0.45, 0.18, 0.18], soft_inside(uv, self.inner_lips, 0.004))
        # A brow is thickest near the nose and runs out to the side.
        outwards = np.clip(np.interp(np.abs(place[:, 0]), self.brow_ends, (0.0, 1.0)), 0.0, 1.0)
        thickness = rng.uniform(0.0032, 0.0048) * (1.1 - 0.55 * outwards)
        brow = step(self.brow.query(place, distance_upper_bound=0.03)[0], thickness, 0.0015)
        color = blend(color, hair * 0.8 + tone * 0.05, rng.uniform(0.6, 0.9) * brow)
        lash = step(self.lashes.query(place, distance_upper_bound=0.03)[0], 0.0010, 0.0007)
        color = blend(color, hair * 0.3, rng.uniform(0.4, 0.9) * lash)
        color = blend(color, tone * 0.08, step(nostril_distance(uv), 0.010, 0.004))
        cap = rng.uniform(0.90, 0.95) - 0.25 * np.maximum(np.abs(uv[:, 0] - 0.5) - 0.25, 0) + 0.01 * mottle
        side = 0.445 + 0.3 * np.maximum(0.62 - uv[:, 1], 0.0)
        temples = (1 - step(np.abs(uv[:, 0] - 0.5), side, 0.01)) * (uv[:, 1] > 0.62)
        hairy = np.maximum(1 - step(uv[:, 1], cap, 0.01), temples)
        behind = (place[:, 1] > 0.0) & (uv[:, 1] < -1)
        color = blend(color, hair, np.maximum(hairy, behind))
        color[part == INNER_PART] = [0.25, 0.07, 0.06]
        color[part == TEETH_PART] = [0.80, 0.76, 0.68]
        eye = part == EYE_PART
        color[eye] = self._eye(place[eye], rng)
        return color

    def _eye(self, place, rng):
        radius = np.min([np.hypot(*(place[:, :2] - pupil[:2]).T) for pupil in self.pupils], axis=0)
        color = np.tile([0.80, 0.77, 0.74], (len(place), 1))
        color = blend(color, IRIS[rng.choice(len(IRIS))], step(radius, 0.0058, 0.0004))
        return blend(color, np.full(3, 0.01), step(radius, rng.uniform(0.0018, 0.0030), 0.0003))


def brow_line(ict: Ict) -> np.ndarray:
    """(5, 3) the middle of the left brow, from the nose outwards.

    ICT's standard landmarks run along the brow's upper edge; the hair is where its brow shapes move the skin most, so
    under each landmark the height is the centre of that motion (the mean of the three shapes).
    """
    skin = ict.neutral[:SKIN_VERTICES]
    line = ict.neutral[ict.landmarks68[22:27]].copy()
    for point in line:
        strip = np.flatnonzero((np.abs(skin[:, 0] - point[0]) < 2.5e-3) & (np.abs(skin[:, 1] - point[1]) < 1.8e-2))
        strip = strip[np.abs(skin[strip, 2] - point[2]) < 2e-2]
        heights = []
        for name in ("browDown_L", "browInnerUp_L", "browOuterUp_L"):
            motion = np.linalg.norm(ict.expressions[ict.names.index(name)][strip], axis=1) ** 4
            heights.append(motion @ skin[strip, 1] / motion.sum())
        point[1] = min(point[1], np.mean(heights))
        point[2] = skin[strip[np.abs(skin[strip, 1] - point[1]).argmin()], 2]
    return line


def _dense(*lines, steps=40):
    """Points along polylines (P, 3)."""
    return np.concatenate(
        [a + np.linspace(0, 1, steps)[:, None] * (b - a) for line in lines for a, b in zip(line[:-1], line[1:])]
    )


def step(values, edge, soft):
    """1 below the edge, 0 above it, linear over +-soft."""
    return np.clip(0.5 - (values - edge) / (2 * soft), 0.0, 1.0)


def blend(color, other, amount):
    return color + (np.asarray(other, color.dtype) - color) * np.asarray(amount, color.dtype)[:, None]


def soft_inside(uv, polygon, soft):
    """1 inside a uv polygon (P, 2), 0 outside, with a soft edge."""
    scale = 2000.0
    image = np.zeros((2001, 2001), np.uint8)
    cv2.fillPoly(image, [np.round(polygon * scale).astype(np.int32)], 255)
    image = cv2.GaussianBlur(image, (0, 0), soft * scale / 2)
    at = np.clip(np.round(uv * scale), 0, 2000).astype(int)
    return image[at[:, 1], at[:, 0]] / 255.0


def _shade(albedo, normals, rng):
    """Soft light from the front half of the sky (camera frame: x right, y down, z forward), with a weak gloss."""
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    main = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 0.1), -1.0])
    main /= np.linalg.norm(main)
    wrap = np.clip((normals @ main + 0.25) / 1.25, 0, 1)
    sky = 0.5 - 0.5 * normals[:, 1]
    half = main + [0, 0, -1.0]
    gloss = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1) ** 30
    light = 0.65 * wrap + 0.25 * sky + 0.10
    return albedo * light[:, None] * rng.uniform(0.85, 1.15) + rng.uniform(0.0, 0.05) * gloss[:, None]


def _background(rng):
    """Blurred noise about a random colour (SIZE, SIZE, 3)."""
    coarse = rng.random((rng.integers(2, 12), rng.integers(2, 12), 3))
    noise = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(rng.uniform(0.2, 0.8, 3) + rng.uniform(0.0, 0.4) * (noise - 0.5), 0, 1)
