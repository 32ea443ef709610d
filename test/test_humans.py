"""Faces that others track (REP-155): their regions, which ones are ours, and detection in a region alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.humans import Roi, at_work, check_id, message_to_roi  # noqa: E402
from extreme3d_ros.nodes.window import face_in, moved, window  # noqa: E402
from extreme3d_ros.records import Face  # noqa: E402


def roi_message(xmin, ymin, xmax, ymax):
    header = SimpleNamespace(stamp=SimpleNamespace(sec=7, nanosec=500_000_000))
    return SimpleNamespace(xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, c=1.0, header=header)


def test_a_region_is_cut_to_the_image_and_keeps_its_stamp():
    assert message_to_roi(roi_message(-0.5, 0.25, 0.5, 2.0)) == Roi(0, 0.25, 0.5, 1, 7.5)


@pytest.mark.parametrize("corners", [(0.5, 0.2, 0.5, 0.4), (0.6, 0.2, 0.5, 0.4), (2, 2, 3, 3), (float("nan"), 0, 1, 1)])
def test_an_empty_region_is_told(corners):
    with pytest.raises(InputError, match="roi is empty"):
        message_to_roi(roi_message(*corners))


def test_a_region_of_the_whole_image_spans_its_pixels():
    low, high = Roi(0, 0, 1, 1).scaled(640, 480)
    assert low.tolist() == [-0.5, -0.5] and high.tolist() == [639.5, 479.5]


@pytest.mark.parametrize("face", ["", "a b", "../x", "7seven", "ä"])
def test_an_id_that_can_be_no_topic_is_told(face):
    with pytest.raises(InputError, match="REP-155"):
        check_id(face)


def square(side):
    return Roi(0, 0, side, side)


def test_the_largest_face_is_ours_until_another_is_clearly_larger():
    near, far = square(0.5), square(0.3)
    assert at_work([], {"a": far, "b": near}, 1) == ["b"]
    assert at_work(["a"], {"a": square(0.3), "b": square(0.32)}, 1) == ["a"]
    assert at_work(["a"], {"a": far, "b": near}, 1) == ["b"]
    assert at_work(["gone"], {"a": far}, 1) == ["a"]
    assert at_work(["a"], {}, 1) == []


def test_the_chosen_face_comes_first_and_the_others_by_size():
    rois = {"a": square(0.1), "b": square(0.5), "c": square(0.3)}
    assert at_work([], rois, 8) == ["b", "c", "a"]
    assert at_work([], rois, 2) == ["b", "c"]
    assert at_work([], {}, 8) == []


def test_a_face_at_work_gives_way_only_to_one_that_is_clearly_larger():
    rois = {"a": square(0.5), "b": square(0.3), "c": square(0.32)}
    assert at_work(["a", "b"], rois, 2) == ["a", "b"]
    assert at_work(["a", "b"], rois | {"c": square(0.4)}, 2) == ["a", "c"]
    assert at_work(["b", "a"], rois, 1) == ["a"]


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 1).map(square)), st.permutations("abcdefgh"))
def test_who_is_at_work_stays_while_nothing_changes(rois, before):
    for most in range(1, 9):
        ours = at_work(before, rois, most)
        assert len(ours) == min(most, len(rois)) == len(set(ours))
        again = at_work(ours, rois, most)
        assert again[:1] == ours[:1] and set(again) == set(ours)


@given(x=st.floats(-50, 700), y=st.floats(-50, 500), side=st.floats(0.1, 900))
def test_a_window_shows_the_image_from_its_first_pixel_on(x, y, side):
    image = np.arange(480 * 640 * 3, dtype=np.uint8).reshape(480, 640, 3)
    part, (column, row) = window(image, np.array([x, y]), side)
    height, width = part.shape[:2]
    assert part.size and max(height, width) <= np.ceil(side) + 1
    np.testing.assert_array_equal(part, image[row : row + height, column : column + width])


IMAGE = np.zeros((480, 640, 3), np.uint8)
IMAGE[200:] = 1  # a window's place shows in its shape and rows
ROI = Roi(0.5, 0.5, 0.6, 0.7)


def face_at(x, y, size=40.0):
    return Face(np.resize([[x - size / 2, y - size / 2], [x + size / 2, y + size / 2]], (468, 2)), 0.9)


def finding(*faces):
    """Detection that finds faces at places of the whole image, asked about the part around ROI."""
    low, high = ROI.scaled(640, 480)
    offset = window(IMAGE, (low + high) / 2, 2.5 * float((high - low).max()))[1]

    def detection(part):
        assert part.shape[0] < 300 and part.shape[1] < 320
        return [moved(face, -offset) for face in faces]

    return detection


def test_a_face_is_looked_for_in_its_region_and_told_in_the_images_pixels():
    face = face_at(350.0, 290.0)
    seen = face_in(finding(face), IMAGE, ROI)
    np.testing.assert_allclose(seen.points, face.points)
    np.testing.assert_allclose(seen.bbox, face.bbox)


def test_a_neighbours_face_in_the_window_is_not_taken_for_ours():
    neighbour, ours = face_at(430.0, 290.0, 60.0), face_at(350.0, 290.0)
    assert face_in(finding(neighbour), IMAGE, ROI) is None
    np.testing.assert_allclose(face_in(finding(neighbour, ours), IMAGE, ROI).points, ours.points)


def test_a_region_of_a_few_pixels_is_not_looked_at():
    assert face_in(None, IMAGE, Roi(0.5, 0.5, 0.51, 0.7)) is None


def test_detection_finds_the_same_face_in_its_region():
    """A photograph, searched as a whole and in the face's region alone."""
    skimage = pytest.importorskip("skimage.data")
    from extreme3d_ros.stages.detection import Detection

    image, detection = np.ascontiguousarray(skimage.astronaut()[..., ::-1]), Detection()
    (whole,) = detection(image)
    x, y, w, h = whole.bbox
    part = face_in(detection, image, Roi(x / 512, y / 512, (x + w) / 512, (y + h) / 512))
    assert np.abs(part.points - whole.points).max() < 2
