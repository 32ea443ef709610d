"""Faces that others track (REP-155): their regions, which one is ours, and the fast path on a region alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.humans import Roi, check_id, chosen_face, message_to_roi  # noqa: E402
from extreme3d_ros.nodes.humans import FaceTopics  # noqa: E402
from extreme3d_ros.nodes.window import moved, observe_region, window  # noqa: E402
from extreme3d_ros.records import Face, Frame  # noqa: E402


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
    assert chosen_face("", {"a": far, "b": near}) == "b"
    assert chosen_face("a", {"a": square(0.3), "b": square(0.32)}) == "a"
    assert chosen_face("a", {"a": far, "b": near}) == "b"
    assert chosen_face("gone", {"a": far}) == "a"
    assert chosen_face("a", {}) == ""


@settings(deadline=None)
@given(
    x=st.floats(-50, 700), y=st.floats(-50, 500), side=st.floats(0.1, 900), point=st.tuples(*[st.floats(0.1, 1)] * 3)
)
def test_a_window_sees_a_point_where_the_frame_does(x, y, side, point):
    image = np.arange(480 * 640 * 3, dtype=np.uint8).reshape(480, 640, 3)
    frame = Frame(image, Camera.assumed(640, 480))
    part, offset = window(frame, np.array([x, y]), side)
    assert part.image.shape == (part.camera.height, part.camera.width, 3) and part.image.size
    point = np.array(point)
    np.testing.assert_allclose(part.camera.project(point) + offset, frame.camera.project(point))
    row, column = offset[1], offset[0]
    np.testing.assert_array_equal(part.image[0, 0], image[row, column])


def face_at(x, y, size=40.0):
    return Face((x - size / 2, y - size / 2, size, size), np.full((468, 2), (x, y)), 0.9)


def seen_by(asked, *faces):
    """A fast path that notes what it is asked and finds faces at places of the whole 640 x 480 frame."""

    def fast_path(frame, max_faces, hint):
        from extreme3d_ros.records import Crop, Observation

        asked.append((frame, hint))
        K = Camera.assumed(640, 480).K
        offset = K[:2, 2] - frame.camera.K[:2, 2]
        crop = Crop(None, frame.camera, np.eye(3))
        return [Observation(moved(face, -offset), crop, None, None, None, None, 1.0) for face in faces]

    return fast_path


def test_a_face_is_looked_for_in_its_region_and_told_in_the_frames_pixels():
    frame = Frame(np.zeros((480, 640, 3), np.uint8), Camera.assumed(640, 480))
    roi = Roi(0.5, 0.5, 0.6, 0.7)
    asked, face = [], face_at(350.0, 290.0)
    (seen,) = observe_region(seen_by(asked, face), frame, roi, face)
    (part, hint), offset = asked[0], seen.crop.crop_to_image[:2, 2]
    assert part.camera.width < 320 and part.camera.height < 300
    np.testing.assert_allclose(hint.points + offset, face.points)
    np.testing.assert_allclose(seen.face.points, face.points)
    np.testing.assert_allclose(seen.face.bbox, face.bbox)


def test_a_neighbours_face_in_the_window_is_not_taken_for_ours():
    frame = Frame(np.zeros((480, 640, 3), np.uint8), Camera.assumed(640, 480))
    assert observe_region(seen_by([], face_at(430.0, 290.0)), frame, Roi(0.5, 0.5, 0.6, 0.7), None) == []


def test_a_region_of_a_few_pixels_is_not_looked_at():
    frame = Frame(np.zeros((480, 640, 3), np.uint8), Camera.assumed(640, 480))
    assert observe_region(None, frame, Roi(0.5, 0.5, 0.51, 0.7), None) == []


def test_without_a_face_at_work_nothing_is_published_or_watched():
    topics = FaceTopics(None, {"mesh": (object, None)})
    topics.publish("", "mesh", object())
    topics.follow("")
    assert not topics.watched() and not topics.watched("mesh")


def test_the_fast_path_sees_the_same_face_in_its_region():
    """A photograph, searched as a whole and in the face's region alone."""
    skimage = pytest.importorskip("skimage.data")
    from extreme3d_ros.engines import OnnxEngine
    from extreme3d_ros.profiles import face_model_of, fast_path_of

    image = np.ascontiguousarray(skimage.astronaut()[..., ::-1])
    frame = Frame(image, Camera.assumed(512, 512))
    fast_path = fast_path_of("default", face_model_of("default", ""), OnnxEngine)
    (whole,) = fast_path(frame, 1)
    x, y, w, h = whole.face.bbox
    roi = Roi(x / 512, y / 512, (x + w) / 512, (y + h) / 512)
    (part,) = observe_region(fast_path, frame, roi, None)
    fast_path.close()
    assert np.abs(part.face.points - whole.face.points).max() < 2
    assert np.abs(part.crop.crop_to_image - whole.crop.crop_to_image).max() < 2
    np.testing.assert_allclose(part.foundation.t, whole.foundation.t, rtol=0.03)
    turn = np.degrees(np.arccos(np.clip((np.trace(part.foundation.R.T @ whole.foundation.R) - 1) / 2, -1, 1)))
    assert turn < 2
