import numpy as np
import pytest
from fit_helpers import plain_evidence
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.fitting import Evidence, PointFitter

MODEL = load_face_model()
FITTER = PointFitter(MODEL)
CAMERA = Camera.assumed(640, 480)
LOOKING_AT_THE_CAMERA = np.diag([1.0, -1.0, -1.0])


def evidence(points, distance=0.6):
    return plain_evidence(points, CAMERA, distance, 128)


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
    fit = FITTER(evidence(points, distance), CAMERA)
    angle = np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude())
    assert angle < 3
    assert fit.t[2] == pytest.approx(distance, rel=0.12)  # size and distance are told apart by the prior alone
    found = (MODEL.vertices(fit.shape, fit.expression) @ fit.R.T + fit.t).astype(float)
    pixels = np.linalg.norm(CAMERA.project(found) - CAMERA.project(vertices), axis=1)
    assert np.median(pixels) < 0.02 * CAMERA.K[0, 0] * 0.09 / distance  # 2 % of the distance between the eyes


@pytest.mark.parametrize("focal, distance", [(4600, 20), (10_000, 50), (100_000, 150)])
def test_a_face_far_away_before_a_long_lens_has_its_pose(focal, distance):
    camera = Camera(np.array([[focal, 0, 1919.5], [0, focal, 1079.5], [0, 0, 1.0]]), 3840, 2160)
    R = LOOKING_AT_THE_CAMERA @ Rotation.from_euler("yx", [25, 5], degrees=True).as_matrix()
    vertices = MODEL.mean.astype(np.float64) @ R.T + [0.02 * distance, 0.01 * distance, distance]
    points = camera.project(MODEL.landmarks468.on(MODEL.faces, vertices))
    points = points + np.random.default_rng(focal).normal(0, 0.1, points.shape)
    fit = FITTER(plain_evidence(points, camera, distance, 128), camera)
    assert np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude()) < 5
    assert fit.t[2] == pytest.approx(distance, rel=0.12)


def test_no_evidence_no_opinion():
    """The mean face's own points are explained by the mean face."""
    _, points = seen_points(np.zeros(99), np.zeros(29), LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6]))
    fit = FITTER(evidence(points), CAMERA)
    assert np.abs(fit.shape).max() < 0.1 and np.abs(fit.expression).max() < 0.1
    assert fit.residual < 0.1


def test_wild_points_do_not_carry_the_fit_away():
    R, t = LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6])
    vertices, points = seen_points(np.zeros(99), np.zeros(29), R, t)
    points[::10] += [40, -30]
    fit = FITTER(evidence(points), CAMERA)
    assert np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude()) < 2
    assert np.abs(fit.t - t).max() < 0.03


def test_points_that_no_pose_explains_are_refused():
    with pytest.raises(ValueError, match="no pose"):
        FITTER(evidence(np.full((468, 2), np.nan)), CAMERA)


def test_a_known_shape_stays_and_the_rest_is_fitted():
    random = np.random.default_rng(3)
    shape, expression = random.normal(size=99), 0.5 * random.normal(size=29)
    R = LOOKING_AT_THE_CAMERA @ Rotation.from_euler("y", 40, degrees=True).as_matrix()
    _, points = seen_points(shape, expression, R, np.array([0, 0, 0.6]))
    known = evidence(points)
    mean, spread = known.mean.copy(), known.spread.copy()
    mean[:99], spread[:99] = shape, 1e-2
    fit = FITTER(Evidence(points, known.deviation, mean, spread), CAMERA)
    np.testing.assert_allclose(fit.shape, shape, atol=0.02)
    off = MODEL.vertices(fit.shape, fit.expression) - MODEL.vertices(shape, expression)
    assert np.median(np.linalg.norm(off, axis=1)) < 1e-3
    assert np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude()) < 1


def test_doubtful_points_give_way():
    """Points displaced by 30 pixels do no harm if they are known to be bad."""
    _, points = seen_points(np.zeros(99), np.zeros(29), LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6]))
    bad = np.arange(468) % 3 == 0
    points[bad] += [30, 10]
    known = evidence(points)
    fit = FITTER(Evidence(points, np.where(bad, 100.0, known.deviation), known.mean, known.spread), CAMERA)
    assert np.degrees(Rotation.from_matrix(fit.R @ LOOKING_AT_THE_CAMERA).magnitude()) < 0.5
    equal = FITTER(known, CAMERA)
    assert np.linalg.norm(fit.t - [0, 0, 0.6]) < 0.3 * np.linalg.norm(equal.t - [0, 0, 0.6])


def test_nonsense_points_give_no_monster():
    random = np.random.default_rng(0)
    for _ in range(20):
        try:
            fit = FITTER(evidence(random.uniform(0, 480, (468, 2))), CAMERA)
        except ValueError:
            continue
        assert np.abs(fit.shape).max() < 5 and np.abs(fit.expression).max() < 5
        assert np.isfinite(fit.t).all() and fit.residual > 3


def test_the_information_is_what_was_expected_and_what_the_points_add():
    """The points cannot take any away, and say nothing where they are lost."""
    _, points = seen_points(np.zeros(99), np.zeros(29), LOOKING_AT_THE_CAMERA, np.array([0, 0, 0.6]))
    known = evidence(points)
    expected = np.diag(known.spread[:99] ** -2.0)
    added = np.linalg.eigvalsh(FITTER(known, CAMERA).information - expected)
    assert added.min() > -1e-3 and added.max() > 1
    lost = Evidence(points, 1e6 * known.deviation, known.mean, known.spread)
    np.testing.assert_allclose(FITTER(lost, CAMERA).information, expected, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50))
def test_pose_and_expression_follow_a_shape_that_is_known_better(seed, yaw):
    """As if the points had been fitted anew with that shape."""
    random = np.random.default_rng(seed)
    shape, expression = 0.7 * random.normal(size=99), 0.5 * random.normal(size=29)
    R = LOOKING_AT_THE_CAMERA @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
    _, points = seen_points(shape, expression, R, np.array([0.0, 0.0, 0.6]))
    known = evidence(points)
    own = FITTER(known, CAMERA)
    better = own.shape + 0.5 * (shape - own.shape)
    mean, spread = known.mean.copy(), known.spread.copy()
    mean[:99], spread[:99] = better, 1e-3
    anew = FITTER(Evidence(points, known.deviation, mean, spread), CAMERA)

    def vertices(fit):
        return MODEL.vertices(fit.shape, fit.expression) @ fit.R.T + fit.t

    off, before = (np.linalg.norm(vertices(fit) - vertices(anew), axis=1).mean() for fit in (own.given(better), own))
    assert off < 0.3 * before + 2e-4
