"""A crop of the mean face with a known bump, for tests of what comes after the bump map."""

import numpy as np
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Foundation, Layers
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.surface import SurfaceRaster

MODEL = load_face_model()
CAMERA = Camera(np.array([[1100.0, 0, 255.5], [0, 1100.0, 255.5], [0, 0, 1]]), 512, 512)
RASTER = SurfaceRaster(MODEL)


def scene(yaw, height=lambda vertices: 0 * vertices[:, 0]):
    """A crop of the mean face turned by yaw degrees; height: metres of bump for the model's vertices (V, 3)."""
    R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    t = np.array([0.0, 0.0, 0.6])
    foundation = Foundation((MODEL.mean @ R.T + t).astype(np.float32), R, t)
    crop = Crop(np.full((512, 512, 3), (90, 120, 180), np.uint8), CAMERA, np.eye(3))
    surface = RASTER(foundation, crop)
    side = surface.raster.covered & (surface.facing > GRAZING)
    occlusion = np.where(side, VISIBLE, np.where(surface.raster.covered, TURNED_AWAY, NOT_FACE)).astype(np.uint8)
    bump = surface.raster.interpolate(MODEL.faces, height(MODEL.mean)[:, None].astype(np.float32))[..., 0]
    return crop, foundation, surface, Layers(bump, occlusion)


def cheek_bumps(vertices):
    """Two bumps of 2 mm, 2 cm wide, symmetric: one on each cheek."""
    centre = MODEL.mean[np.argmax(vertices[:, 0] * (np.abs(vertices[:, 1] + 0.035) < 0.005) * (vertices[:, 0] < 0.04))]
    distance = np.linalg.norm(vertices * np.sign(vertices * [1, 0, 0] + [0, 1, 1]) - centre, axis=1)
    return 2e-3 * np.exp(-((distance / 0.01) ** 2))


def covered(layers, where):
    """The layers with an object before the visible skin of `where` (H, W) bool, and the pixels that it hides."""
    where = where & (layers.occlusion == VISIBLE)
    occlusion = np.where(where, HIDDEN, layers.occlusion).astype(np.uint8)
    return Layers(np.where(where, 0, layers.bump).astype(np.float32), occlusion), where
