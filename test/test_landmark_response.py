import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.fitting import LandmarkFitter
from extreme3d_ros.face_model.landmark_response import DEFAULT_RESPONSE, head_angles, load_response

MODEL = load_face_model()
RESPONSE = load_response(MODEL)
FITTER = LandmarkFitter(MODEL, RESPONSE)
CAMERA = Camera.assumed(640, 480)
LOOKING_AT_THE_CAMERA = np.diag([1.0, -1.0, -1.0])


def turned(yaw, roll):
    """Pose of a head turned by degrees: a positive yaw turns the nose to the picture's right."""
    roll = Rotation.from_euler("z", roll, degrees=True).as_matrix()
    return roll @ LOOKING_AT_THE_CAMERA @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (30, 0), (-50, 20), (75, -40)])
def test_yaw_and_the_heads_axes_are_read_from_a_pose(yaw, roll):
    axes, found = head_angles(turned(yaw, roll))
    assert found == pytest.approx(yaw)
    angle = np.radians(roll)
    np.testing.assert_allclose(axes[:, 0], [np.cos(angle), np.sin(angle)], atol=1e-9)


def test_both_sides_have_mirrored_errors():
    left, right = RESPONSE.at(-45.0), RESPONSE.at(45.0)
    np.testing.assert_allclose(np.sort(left.bias[:, 0]), np.sort(-right.bias[:, 0]))
    np.testing.assert_allclose(np.sort(left.deviation.ravel()), np.sort(right.deviation.ravel()))
    assert RESPONSE.at(88.0) is RESPONSE.errors[-1]


def test_another_models_response_is_not_used():
    from dataclasses import replace

    assert load_response(replace(MODEL, name="another")) is None
    assert load_response(replace(MODEL, shape_modes=MODEL.shape_modes[:50])) is None


@pytest.mark.parametrize("yaw", [-60, -30, 0, 30, 60])
def test_a_face_that_answers_as_learned_is_recovered(yaw):
    random = np.random.default_rng(yaw + 100)
    coefficients = 0.7 * random.normal(size=128)
    R, t = turned(yaw, 5.0), np.array([0.02, 0.01, 0.6])
    modes = np.concatenate([MODEL.shape_modes, MODEL.expression_modes])
    local = MODEL.mean + np.tensordot(coefficients, modes, 1)
    places = MODEL.landmarks468.on(MODEL.faces, local) + RESPONSE.offset + RESPONSE.gain @ coefficients
    errors, unit = RESPONSE.at(yaw), CAMERA.K[0, 0] * 0.09 / t[2]
    common = errors.bias + errors.factor @ random.normal(size=errors.factor.shape[2])
    fit = FITTER(CAMERA.project(places @ R.T + t) + unit * common @ head_angles(R)[0].T, CAMERA)
    limit = 8 if abs(yaw) < 45 else 12  # degrees; points of a face turned far say less of its pose
    assert np.degrees(Rotation.from_matrix(fit.R @ R.T).magnitude()) < limit
    assert np.linalg.norm(fit.shape) < 12 and np.linalg.norm(fit.expression) < 6


def test_nonsense_points_give_no_monster():
    random = np.random.default_rng(0)
    for _ in range(20):
        try:
            fit = FITTER(random.uniform(0, 480, (468, 2)), CAMERA)
        except ValueError:
            continue
        assert np.abs(fit.shape).max() < 5 and np.abs(fit.expression).max() < 5
        assert np.isfinite(fit.t).all() and fit.residual > 3


@pytest.mark.parametrize("content", [None, b"", b"not an archive", DEFAULT_RESPONSE.read_bytes()[:5000]])
def test_a_missing_or_broken_file_is_one_line_that_names_it(content, tmp_path):
    path = tmp_path / "response.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match="response.npz is not a readable landmark response.*: build it") as error:
        load_response(MODEL, path)
    assert "\n" not in str(error.value)
