"""Faces are found where they are, turned as they are, and nowhere else."""

import cv2
import numpy as np
import pytest

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.stages.detection.boxes import full_range, short_range
from extreme3d_ros.stages.detection.networks import Network, network_file
from extreme3d_ros.stages.detection.region import Pyramid, Region
from extreme3d_ros.stages.detection.subgraph import subgraph
from extreme3d_ros.stages.detection.windows import EYES_AND_LIPS, sampled

data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def points(detection, photograph):
    (face,) = detection(photograph)
    return face.points


def test_a_face_is_where_it_is(detection, photograph, points):
    (face,) = detection(photograph)
    assert face.points.shape == (468, 2) and 0.8 < face.score <= 1
    assert 210 < points[1, 0] < 240 and 115 < points[1, 1] < 145  # the nose's tip


@pytest.mark.parametrize("between", [[b"activation_7"], [b"max_pooling2d", b"conv2d_3"]])
def test_a_network_in_two_parts_answers_as_the_whole(between):
    model = network_file("face_detection/face_detection_short_range.tflite")
    first, second = subgraph(model, None, between), subgraph(model, between, [b"regressors", b"classificators"])
    image = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    half_way = Network(first)(image)
    assert len(half_way) == len(between)
    for got, wanted in zip(Network(second)(*half_way), Network(model)(image), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_points_are_those_of_mediapipes_own_graph(photograph, points):
    """The refined mesh in two halves and MediaPipe's three operations of ours give what its graph gives."""
    solution_base = pytest.importorskip("mediapipe.python.solution_base")
    graph = solution_base.SolutionBase(
        binary_graph_path="mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb",
        side_inputs={"num_faces": 1, "with_attention": True, "use_prev_landmarks": False},
        outputs=["multi_face_landmarks"],
    )
    mesh = graph.process(np.ascontiguousarray(photograph[..., ::-1])).multi_face_landmarks[0]
    graph.close()
    theirs = np.array([(p.x, p.y) for p in mesh.landmark[:468]]) * 512 - 0.5
    off = np.linalg.norm(points - theirs, axis=1)
    assert off.mean() < 1.0 and off.max() < 4.0  # their detector sees the image with other aliasing


@pytest.mark.parametrize("angle", [-150, -90, -45, 20, 45, 90, 135, 180])
def test_a_face_may_be_turned_in_the_image(detection, photograph, points, angle):
    turn = cv2.getRotationMatrix2D((255.5, 255.5), angle, 0.9)
    (face,) = detection(cv2.warpAffine(photograph, turn, (512, 512)))
    off = np.linalg.norm(face.points - (points @ turn[:, :2].T + turn[:, 2]), axis=1)
    assert off.mean() < 4.0  # of a face of 106 pixels


def test_a_mirrored_face_has_mirrored_points(detection, photograph, points):
    (face,) = detection(np.ascontiguousarray(photograph[:, ::-1]))
    mirrored = points[MirrorImage(load_face_model()).twins] * [-1, 1] + [511, 0]
    assert np.linalg.norm(face.points - mirrored, axis=1).mean() < 2.5


def test_small_faces_in_large_images(detection, photograph):
    image = np.full((720, 1280, 3), 90, np.uint8)
    image[60:240, 700:880] = cv2.resize(photograph[:400, 60:460], (180, 180), interpolation=cv2.INTER_AREA)
    (face,) = detection(image)
    assert 700 < face.bbox[0] < 800 and 60 < face.bbox[1] < 150 and 35 < face.bbox[2] < 60


@pytest.fixture(scope="module")
def two(photograph):
    """Two faces, the larger one on the right."""
    head = photograph[:300, 100:400]
    image = np.full((300, 560, 3), 90, np.uint8)
    image[:240, :240] = cv2.resize(head, (240, 240), interpolation=cv2.INTER_AREA)
    image[:, 260:] = head[:, ::-1]
    return image


def test_two_faces_largest_first(detection, two):
    large, small = detection(two)
    assert large.bbox[0] > 300 > 240 > small.bbox[0] and large.bbox[3] > small.bbox[3]


def test_a_face_without_colour(detection, photograph, points):
    grey = cv2.cvtColor(cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    (face,) = detection(grey)
    assert np.linalg.norm(face.points - points, axis=1).mean() < 4


@pytest.mark.parametrize("name", ["brick", "coffee", "chelsea", "page", "rocket", "hubble_deep_field"])
def test_no_face_is_no_face(detection, name):
    image = np.atleast_3d(getattr(data, name)())
    assert detection(np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))) == []


def test_the_same_image_gives_the_same_points(detection, photograph, points):
    detection(np.ascontiguousarray(photograph[::-1]))
    (face,) = detection(photograph)
    np.testing.assert_array_equal(face.points, points)


@pytest.fixture(scope="module")
def half_face(photograph):
    """The photograph behind a board: plain to see for nobody."""
    image = photograph.copy()
    image[40:230, 226:310] = (90, 120, 80)
    return image


def test_a_careful_look_finds_the_face_before_without_the_long_search(detection, half_face):
    (face,) = detection(half_face)
    (before,) = detection(np.roll(half_face, 6, axis=1))
    again = detection.again(Pyramid(half_face), before)
    assert np.linalg.norm(again.points - face.points, axis=1).mean() < 0.1 * face.bbox[3]


@pytest.mark.parametrize("shift", [(0, 0), (8, 0), (-5, 12), (25, 15)])
def test_a_face_is_followed_to_where_it_went(detection, photograph, points, shift):
    """Up to a quarter of its width; by a tenth one look is as good as several."""
    face = detection.follow(Pyramid(photograph), points + shift)
    assert np.linalg.norm(face.points - points, axis=1).mean() < 1.0 + 0.02 * np.hypot(*shift)
    assert face.score > 0.9


def test_a_face_is_not_followed_to_where_it_is_not(detection, photograph, points):
    assert detection.follow(Pyramid(np.full_like(photograph, 90)), points) is None
    assert detection.follow(Pyramid(photograph), points + [150, 100]) is None


def test_followed_points_scatter_no_more_than_those_of_a_second_look(detection, photograph, points):
    """Of one frame's noise to the next's: 0.2 pixels of a face of 106."""
    rng, followed = np.random.default_rng(0), [points]
    for _ in range(12):
        image = np.clip(photograph + rng.normal(0, 4, photograph.shape), 0, 255).astype(np.uint8)
        followed.append(detection.follow(Pyramid(image), followed[-1]).points)
    assert np.linalg.norm(np.std(followed[3:], axis=0), axis=1).mean() < 0.2


def test_a_glance_sees_others_than_the_known_and_says_who_is_plain_to_see(detection, two):
    large, small = detection(two)
    glance = detection.glance(Pyramid(two), [small])
    assert glance.doubtful == [] and glance.plain[0] > 0.7
    np.testing.assert_array_equal(glance.faces[0].points, large.points)
    one = two.copy()
    one[:240, :240] = 90
    assert detection.glance(Pyramid(one), [small]).plain == [0.0]


def test_regions_are_off_by_shift_size_and_turn():
    region = Region(100, 80, 50, 3.0)
    assert region.off(region) == 0
    assert region.off(Region(105, 80, 50, 3.0)) == pytest.approx(0.1)
    assert region.off(Region(100, 80, 25, 3.0)) == pytest.approx(0.4 * np.log(2))
    assert region.off(Region(100, 80, 50, 3.1 - 2 * np.pi)) == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["brick", "coffee", "chelsea", "rocket", "hubble_deep_field"])
def test_a_face_that_left_is_gone(detection, photograph, half_face, name):
    image = np.atleast_3d(getattr(data, name)())[:512, :512]
    image = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    for shown in (photograph, half_face):
        (before,) = detection(shown)
        assert detection.again(Pyramid(image), before) is None and detection(image) == []


def test_anchors_are_as_many_as_the_networks_boxes():
    """896 and 2304, evenly over the image."""
    for detector, count in ((short_range(), 896), (full_range(), 2304)):
        assert detector.anchors.shape == (count, 2)
        np.testing.assert_allclose(detector.anchors.mean(0), 0.5)


def test_a_region_shows_its_part_of_the_image_turned():
    image = np.zeros((60, 100, 3), np.uint8)
    image[20:30, 60:70] = 255
    patch = Pyramid(image).patch(Region(65, 25, 10), 5)
    assert (patch == 255).all()
    region = Region(50, 30, 40, np.pi / 2)  # its x axis runs down the image
    np.testing.assert_allclose(region.place(np.array([[10.0, 5.0], [0, 0]]), 10), [[50, 50], [70, 10]], atol=1e-9)


def test_windows_of_a_feature_map():
    """A window over the whole map reproduces a linear map; outside there is nothing."""
    y, x = np.mgrid[:48, :48].astype(np.float32) + 0.5
    features = np.stack([x, y], -1)
    whole = sampled(features, np.array([[2.0, 0, 8], [0, 2.0, 8]]))
    np.testing.assert_allclose(whole[3, 5], [2 * 5.5 + 8, 2 * 3.5 + 8])
    assert (sampled(features, np.array([[1.0, 0, 100], [0, 1.0, 100]])) == 0).all()
    for window in EYES_AND_LIPS:
        assert len(set(window.points)) == len(window.points)
