import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.fitting import LandmarkFitter

MODEL = load_face_model()
FITTER = LandmarkFitter(MODEL)
CAMERA = Camera.assumed(640, 480)
LOOKING_AT_THE_CAMERA = np.diag([1.0, -1.0, -1.0])


def seen_points(shape, expression, R, t):
    vertices = MODEL.vertices(shape, expression).astype(np.float64) @ R.T + t
    return vertices, CAMERA.project(MODEL.landmarks468.on(MODEL.faces, vertices))


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(-60, 60), st.floats(-30, 30), st.floats(-30, 30), st.floats(0.3, 1.5))
def test_pose_and_surface_are_recovered_from_exact_points(seed, yaw, pitch, roll, distance):
    random = np.random.default_rng(seed)
    shape, expression = 0.7 * random.normal(size=99), 0.5 * random.normal(size=29)
    R = LOOKING_AT_THE_CAMERA @ Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()
    t = np.array([0.05, -0.02, distance])
    vertices, points = seen_points(shape, expression, R, t)
    fit = FITTER(points, CAMERA)
    angle = np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude())
    assert angle < 3
    assert fit.t[2] == pytest.approx(distance, rel=0.12)  # size and distance are told apart by the prior alone
    found = (MODEL.vertices(fit.shape, fit.expression) @ fit.R.T + fit.t).astype(float)
    pixels = np.linalg.norm(CAMERA.project(found) - CAMERA.project(vertices), axis=1)
    assert np.median(pixels) < 0.02 * CAMERA.K[0, 0] * 0.09 / distance  # 2 % of the distance between the eyes


def test_no_evidence_no_opinion():
    """The mean face's own points are explained by the mean face."""
    _, points = seen_points(np.zeros(99), np.zeros(29), LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6]))
    fit = FITTER(points, CAMERA)
    assert np.abs(fit.shape).max() < 0.1 and np.abs(fit.expression).max() < 0.1
    assert fit.residual < 0.1


def test_wild_points_do_not_carry_the_fit_away():
    R, t = LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6])
    vertices, points = seen_points(np.zeros(99), np.zeros(29), R, t)
    points[::10] += [40, -30]
    fit = FITTER(points, CAMERA)
    assert np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude()) < 2
    assert np.abs(fit.t - t).max() < 0.03


def test_points_that_no_pose_explains_are_refused():
    with pytest.raises(ValueError, match="no pose"):
        FITTER(np.full((468, 2), np.nan), CAMERA)
