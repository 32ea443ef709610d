"""What the bump network should say of a rendered head, on the pixels of the crop that the runtime makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.records import CROP_SIZE, Crop, Foundation, Surface
from training.faces.generator import Rendered

#: Least cosine to the camera by which a detail's height is turned into depth along the ray.
_LEAST_FACING = 0.3
#: What is smoother than this (sigma, crop pixels; about 2 cm) is the foundation's affair, not the bump's.
_MID_LEVEL = 32.0
#: Where depth changes by more than this within _REACH pixels a surface breaks off, metres.
_BREAK, _REACH = 8e-3, 5


@dataclass(frozen=True)
class Truth:
    """On the crop's pixels, all (512, 512). bump: float32 metres of mid-level detail against the foundation as it was
    fitted, NaN where the face or the foundation is not; mask: bool, visible skin of the face; object: bool, something
    stands before what is there; normals: (512, 512, 3) float32 of the true surface as the foundation has it turned, 0
    off the face."""

    bump: np.ndarray
    mask: np.ndarray
    object: np.ndarray
    normals: np.ndarray


def truth_of(made: Rendered, model: FaceModel, crop: Crop, foundation: Foundation, surface: Surface) -> Truth:
    """How far the true surface rises above the foundation.

    A picture doesn't tell how far away a face is, and the pose is the foundation's affair: the true face is laid on the
    fitted one by the similarity of their vertices. Each pixel keeps the point of the true face that it really sees.
    """
    scale, R, t = similarity(made.vertices, foundation.vertices)
    camera = made.camera.crop(crop.crop_to_image, CROP_SIZE, CROP_SIZE)
    raster = rasterize(made.vertices, model.faces, camera)
    seen = raster.covered & surface.raster.covered & on_crop(made.face, crop)
    seen &= ~(_breaks(raster.depth) | _breaks(surface.raster.depth))
    y, x = np.nonzero(seen)
    points = camera.rays(np.column_stack([x, y]).astype(np.float64)) * raster.depth[seen][:, None]
    depth = scale * (points @ R[2]) + t[2]
    rise = scale * on_crop(made.height, crop)[seen] / np.clip(surface.facing[seen], _LEAST_FACING, 1)
    bump = np.zeros(seen.shape, np.float32)
    bump[seen] = surface.raster.depth[seen] - depth + rise
    bump = np.where(seen, bump - smooth_over(bump, seen, _MID_LEVEL), np.float32(np.nan))
    hidden = on_crop(made.occluder | made.hair, crop)
    normals = on_crop(made.normals, crop)
    normals = normals @ R.T.astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    return Truth(bump, on_crop(made.face, crop) & ~hidden, hidden, normals * seen[..., None])


def _breaks(depth: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels near which a surface's depth (inf where it isn't) jumps."""
    window = np.ones((_REACH, _REACH), np.uint8)
    finite = np.isfinite(depth)
    near = cv2.erode(np.where(finite, depth, 1e3).astype(np.float32), window)
    far = cv2.dilate(np.where(finite, depth, -1e3).astype(np.float32), window)
    return far - near > _BREAK


def on_crop(image: np.ndarray, crop: Crop) -> np.ndarray:
    """A map of the picture (H, W[, C]) on the crop's pixels; bool stays bool."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image.astype(np.float32), crop.crop_to_image[:2], (CROP_SIZE, CROP_SIZE), flags=flags)
    return warped > 0.5 if image.dtype == bool else warped
