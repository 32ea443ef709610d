"""The foundation stage: what its network says, and what the fit makes of it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.records import Frame
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.foundation import FoundationFit
from extreme3d_ros.stages.foundation_network import DEFAULT_NETWORK, FoundationNetwork, significance
from extreme3d_ros.stages.window import window_about

MODEL = load_face_model()
SHAPES = len(MODEL.shape_modes)
MEAN_POINTS = MODEL.landmarks468.on(MODEL.faces, MODEL.mean).astype(np.float64)
CAMERA = Camera.assumed(640, 480)
LOOKING_AT_THE_CAMERA = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def network():
    return FoundationNetwork(MODEL)


def frame_of(image):
    return Frame(image, Camera.assumed(image.shape[1], image.shape[0]))


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


class TestWindow:
    def test_it_holds_the_points_with_a_margin_and_its_eyes_are_level(self):
        points = posed_points(Rotation.from_euler("zy", [30, 20], degrees=True).as_matrix())
        region = window_about(points, CAMERA, MEAN_POINTS).region
        assert np.degrees(region.angle) == pytest.approx(-30, abs=4)
        placed = in_sides(region, points)
        assert placed.min() > 0.15 and placed.max() < 0.85
        assert placed[33, 1] == pytest.approx(placed[263, 1])

    def test_the_mean_face_has_no_residual_and_its_rotation_is_the_poses(self):
        turn = Rotation.from_euler("y", 25, degrees=True).as_matrix()
        window = window_about(posed_points(turn), CAMERA, MEAN_POINTS)
        assert np.abs(window.residual).max() < 1e-6
        level = Rotation.from_euler("z", -window.region.angle).as_matrix()
        np.testing.assert_allclose(window.rotation, level @ LOOKING_AT_THE_CAMERA @ turn, atol=1e-6)

    def test_rolling_the_picture_changes_nothing_that_the_network_sees(self):
        wide = MEAN_POINTS * [1.1, 1.0, 0.9]
        one, other = (
            window_about(CAMERA.project(wide @ (roll @ LOOKING_AT_THE_CAMERA).T + [0, 0, 0.6]), CAMERA, MEAN_POINTS)
            for roll in (np.eye(3), Rotation.from_euler("z", 40, degrees=True).as_matrix())
        )
        np.testing.assert_allclose(one.residual, other.residual, atol=1e-5)
        np.testing.assert_allclose(one.rotation, other.rotation, atol=1e-4)


def posed_points(turn):
    return CAMERA.project(MEAN_POINTS @ (LOOKING_AT_THE_CAMERA @ turn).T + [0.02, 0.01, 0.6])


def in_sides(region, points):
    to_image = region.to_image(1)
    return (points + 0.5 - to_image[:, 2]) @ np.linalg.inv(to_image[:, :2]).T


@pytest.mark.parametrize(
    ("size", "least", "most"), [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (3.0, 0.7, 0.9), (30.0, 0.99, 1.0)]
)
def test_a_correction_counts_as_far_as_it_exceeds_its_uncertainty(size, least, most):
    moved = size * np.random.default_rng(0).normal(size=(468, 2))
    kept = significance(0.01 * moved, np.full(468, 0.012))
    assert least <= kept <= most
    assert kept == pytest.approx(significance(moved, np.full(468, 1.2)))


class TestNetwork:
    def test_points_of_a_clear_face_stay_near_the_detected_ones(self, network, detection, photograph):
        face = detection(photograph)[0]
        known = network(frame_of(photograph), face.points)
        eyes = np.linalg.norm(face.points[33] - face.points[263])
        assert np.median(np.linalg.norm(known.points - face.points, axis=1)) < 0.08 * eyes
        assert (known.deviation > 0).all() and np.median(known.deviation) < 0.1 * eyes
        assert known.mean.shape == known.spread.shape == (128,)
        assert (known.spread <= 1).all() and known.spread[:10].min() < 0.9

    def test_another_model_gets_points_but_no_coefficients(self, network, detection, photograph):
        other = FoundationNetwork(replace(MODEL, name="another", shape_modes=MODEL.shape_modes[:20]))
        points = detection(photograph)[0].points
        known = other(frame_of(photograph), points)
        np.testing.assert_array_equal(known.points, network(frame_of(photograph), points).points)
        assert known.mean.shape == (49,) and not known.mean.any() and (known.spread == 1).all()

    def test_inputs_of_the_wrong_shape_are_refused(self):
        with pytest.raises(ValueError, match="does not take"):
            OnnxEngine(DEFAULT_NETWORK)(window=np.zeros((1, 3, 3, 3), np.uint8))


class TestFoundation:
    def fit(self, image, face, **options):
        frame = frame_of(image)
        return FoundationFit(MODEL, **options)(frame, face, FaceCrop(MODEL)(frame, face))

    def test_a_mirrored_photograph_gives_the_mirrored_face(self, detection, photograph):
        face, mirror = detection(photograph)[0], MirrorImage(MODEL)
        flipped, width = np.ascontiguousarray(photograph[:, ::-1]), photograph.shape[1]
        twin = replace(face, points=(face.points * [-1, 1] + [width - 1, 0])[mirror.twins])
        foundation, coefficients, confidence = self.fit(photograph, face)
        mirrored, other, _ = self.fit(flipped, twin)
        whole, turned = (np.concatenate([c.shape, c.expression]) for c in (coefficients, other))
        np.testing.assert_allclose(turned, mirror.coefficients @ whole, atol=0.02)
        flip = np.diag([-1.0, 1.0, 1.0])
        np.testing.assert_allclose(mirrored.R, flip @ foundation.R @ flip, atol=2e-3)
        assert 0.5 < confidence <= 1
        # The detector takes the flipped picture for another one, if not by much.
        assert cosine(self.fit(flipped, detection(flipped)[0])[1].shape, other.shape) > 0.8

    def test_size_and_brightness_of_the_picture_change_little(self, detection, photograph):
        _, coefficients, _ = self.fit(photograph, detection(photograph)[0])
        darker = cv2.resize((photograph * 0.7).astype(np.uint8), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
        _, other, _ = self.fit(darker, detection(darker)[0])
        assert cosine(coefficients.shape, other.shape) > 0.8

    def test_a_shape_that_another_network_says_is_taken(self, detection, photograph):
        shape = np.random.default_rng(0).normal(size=SHAPES)
        foundation, coefficients, _ = self.fit(photograph, detection(photograph)[0], shape_network=lambda crop: shape)
        np.testing.assert_allclose(coefficients.shape, shape, atol=0.05)
        vertices = MODEL.vertices(coefficients.shape, coefficients.expression) @ foundation.R.T + foundation.t
        np.testing.assert_allclose(foundation.vertices, vertices, atol=1e-6)


@pytest.mark.skipif(
    not (Path(__file__).parents[1] / "../shared/data/ict_facekit").exists(), reason="needs ../shared/data/ict_facekit"
)
def test_hidden_points_lie_nearer_to_the_truth_than_the_detected_ones(network, detection):
    """On rendered heads that nothing was learned from, with a third of the face hidden."""
    from training.faces.generator import FaceGenerator, Wish

    generator, ours, detected = FaceGenerator(), [], []
    for seed in range(2_000_000, 2_000_012):
        made = generator(seed, Wish(size=(320, 320), share=1 / 3, most_yaw=45.0))
        truth = made.camera.project(MODEL.landmarks468.on(MODEL.faces, made.vertices.astype(np.float64)))
        for face in detection(made.image)[:1]:
            known = network(Frame(made.image, made.camera), face.points)
            eyes = np.ptp(truth, axis=0).max()
            ours.append(np.linalg.norm(known.points - truth, axis=1).mean() / eyes)
            detected.append(np.linalg.norm(face.points - truth, axis=1).mean() / eyes)
    assert len(ours) >= 6
    assert np.mean(ours) < 0.9 * np.mean(detected)
