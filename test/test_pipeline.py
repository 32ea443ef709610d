"""The whole road on clay renderings of faces of known shape and pose."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.output.figure import clay
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import HIDDEN, TURNED_AWAY, VISIBLE, Frame

MODEL = load_face_model()
CAMERA = Camera.assumed(640, 480)


@pytest.fixture(scope="module")
def fast():
    return FastPath(MODEL)


def rendered(yaw, seed=0):
    """Frame, vertices (V, 3) and rotation of a random face."""
    random = np.random.default_rng(seed)
    R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    vertices = MODEL.vertices(0.7 * random.normal(size=99), 0.3 * random.normal(size=29)) @ R.T + [0, 0, 0.6]
    return Frame(clay(vertices, MODEL.faces, CAMERA), CAMERA), vertices, R


@pytest.mark.parametrize("yaw", [-40, -20, 0, 20, 40])
def test_pose_and_shape(fast, yaw):
    frame, vertices, R = rendered(yaw)
    (seen,) = fast(frame)
    assert np.degrees(Rotation.from_matrix(seen.foundation.R @ R.T).magnitude()) < 6
    s, Q, t = similarity(seen.foundation.vertices, vertices)
    off = np.linalg.norm(s * seen.foundation.vertices @ Q.T + t - vertices, axis=1)
    assert off.mean() < 3.5e-3
    assert s == pytest.approx(1, abs=0.1)
    assert seen.confidence > 0.3


def test_labels_follow_the_true_silhouette(fast):
    frame, vertices, _ = rendered(15)
    (seen,) = fast(frame)
    truth = rasterize(vertices, MODEL.faces, seen.crop.camera).covered
    found = seen.layers.occlusion > 0
    assert (truth & found).sum() / (truth | found).sum() > 0.93
    turned = seen.layers.occlusion == TURNED_AWAY
    assert 0 < turned.sum() < 0.1 * found.sum()


def test_a_coloured_object_before_the_face_is_labelled_hidden(fast):
    frame, vertices, _ = rendered(0)
    x, y = CAMERA.project(vertices[np.argmin(vertices[:, 2])])  # the nose tip
    image = frame.image.copy()
    image[int(y) + 25 : int(y) + 70, int(x) - 90 : int(x) + 90] = (160, 60, 20)  # a blue scarf
    (seen,) = fast(Frame(image, CAMERA))
    scarf = np.all(np.abs(seen.crop.image.astype(int) - (160, 60, 20)) < 12, axis=2)
    on_face = scarf & (seen.layers.occlusion > 0) & (seen.layers.occlusion != TURNED_AWAY)
    assert (seen.layers.occlusion[on_face] == HIDDEN).mean() > 0.9
    clear = seen.layers.occlusion[~scarf]
    assert (clear == HIDDEN).sum() < 0.1 * (clear == VISIBLE).sum()
    assert 0.1 < seen.layers.occluded_fraction < 0.5
