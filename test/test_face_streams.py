"""completion_node's streams of several faces, and which faces face_node works on; without processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy")

import ros_helpers  # noqa: E402
from builtin_interfaces.msg import Time  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.clock import Clock  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from stand_ins import FacelessRoad  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.face_stream import FaceStreams  # noqa: E402
from extreme3d_ros.nodes.image_source import ImageSource  # noqa: E402
from extreme3d_ros.records import Tracked  # noqa: E402


def streams_of(*steps):
    """The streams after they followed each step, (ids, chosen)."""
    streams = FaceStreams(lambda face: None)
    for faces, chosen in steps:
        streams.follow(faces, chosen)
    return streams


def numbers(streams):
    return {face: stream.number for face, stream in streams.items()}


def test_the_face_that_was_alone_goes_on_under_its_id():
    streams = streams_of(([""], ""))
    alone = streams[""]
    alone.shown, alone.arrival, remembered = Header(frame_id="here"), Clock().now(), alone.person
    assert streams.follow(["a", "b"], "b") == [alone]
    assert numbers(streams) == {"b": 0, "a": 1}
    assert streams["b"].shown.frame_id == "here" and alone.shown is None, "on the screen it stays"
    assert streams["b"].person is remembered and alone.person is not remembered
    assert streams["b"].arrival == alone.arrival and streams["a"].arrival is None


def test_the_chosen_face_goes_on_alone():
    streams = streams_of((["a", "b"], "a"))
    for stream in streams.values():
        stream.shown = Header(frame_id=stream.face)
    a, b = streams["a"], streams["b"]
    assert streams.follow([""], "a") == [a, b]
    assert streams[""].shown.frame_id == "a" and a.shown is None and b.shown.frame_id == "b"


def test_a_face_alone_has_number_0_even_if_it_had_another():
    streams = streams_of((["a", "b"], "a"), (["b"], "b"))
    b = streams["b"]
    b.shown = Header(frame_id="b")
    streams.follow([""], "b")
    assert streams[""].number == 0 and streams[""].shown is None and b.shown is not None, "1 is to be deleted"


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), min_size=1))
def test_numbers_are_small_unlike_and_kept_for_life(steps):
    streams, before = FaceStreams(lambda face: None), {}
    for faces in steps:
        gone = streams.follow(faces, "")
        now = numbers(streams)
        assert set(now) == faces and {stream.face for stream in gone} == before.keys() - faces
        assert len(set(now.values())) == len(now) and max(now.values()) < max(len(now), 6)
        assert all(now[face] == before[face] for face in faces & before.keys())
        before = now


def test_another_person_is_not_filled_with_what_was_seen_of_the_one_before():
    stream = streams_of(([""], ""))[""]
    forgotten = []
    stream.person.forget = lambda: forgotten.append(True)
    for whose in ("", "a", "", "a"):
        stream.meet(whose)
    assert not forgotten
    stream.meet("b")
    assert forgotten


# --- face_node with a road that only notes whom it is asked about -----------------------------------------------------


class Road(FacelessRoad):
    """Two faces in every frame, "bigger" the chosen one."""

    known = frozenset({"bigger", "lesser", "bystander"})

    def __init__(self):
        self.tracked, self.observed, self.stamps = [], [], []

    def track(self, frame, stamp, max_faces):
        self.tracked.append(max_faces)
        self.stamps.append(stamp)
        return [Tracked(face, None) for face in ("bigger", "lesser")[:max_faces]]

    def observe(self, frame, faces, stamp, timings):
        self.observed += [face.id for face in faces]
        return iter(())


class Observed:
    """face_node with that road."""

    def __init__(self, bench):
        self.bench, self.road = bench, Road()
        self.face = bench.add(FaceNode(lambda *arguments: self.road))
        self.face.autostart()

    def listen(self, topic):
        subscription = self.bench.node.create_subscription(PoseStamped, topic, lambda message: None, 1)
        assert self.bench.wait(lambda: self.face.count_subscribers(topic))
        return subscription

    def unlisten(self, topic, subscription):
        self.bench.node.destroy_subscription(subscription)
        assert self.bench.wait(lambda: not self.face.count_subscribers(topic))

    def frame(self, sec, arrival=0.0):
        image = layer_to_image(np.zeros((8, 8, 3), np.uint8), Header(stamp=Time(sec=sec)))
        self.road.observed.clear()
        self.face._observe(serialize_message(image), arrival)
        return self.road.observed


def test_a_face_that_nobody_watches_is_tracked_but_not_observed(make_bench):
    two = Observed(make_bench(max_faces=2, device="cpu"))
    assert two.frame(1) == [] and not two.road.tracked, "nobody wants anything"
    base = two.listen("/pose")
    assert two.frame(2) == ["bigger"] and two.road.tracked == [2]
    assert two.bench.wait(lambda: set(two.face.faces) == {"bigger", "lesser"}), "those at work, and no bystander"
    own = two.listen("/faces/lesser/pose")
    assert two.frame(3) == ["bigger", "lesser"]
    two.unlisten("/pose", base)
    assert two.frame(4) == ["lesser"]
    two.unlisten("/faces/lesser/pose", own)
    assert two.frame(5) == [] and two.face.chosen == ""
    assert two.bench.wait(lambda: not two.face.faces), "at rest it knows nobody"


def test_one_face_has_no_topics_below_its_id(make_bench):
    one = Observed(make_bench(device="cpu"))
    one.listen("/pose")
    assert one.frame(1) == ["bigger"] and one.face.chosen == "bigger"
    one.bench.spin(0.5)
    assert not one.face.faces and one.road.tracked == [1]


def test_an_idle_node_computes_nothing(make_bench):
    """Images come, but nobody subscribes to what would be made of them."""
    one = Observed(make_bench(device="cpu"))
    one.bench.add(ImageSource())
    status = one.bench.status("face_node", lambda s: int(ros_helpers.values(s)["frames_in"]) > 5)
    values = ros_helpers.values(status)
    assert "nobody subscribes" in status.message and values["faces"] == "0" and values["camera"] == "no image yet"
    assert not one.road.tracked


def test_where_a_camera_sets_no_stamps_the_arrivals_tell_the_time(make_bench):
    one = Observed(make_bench(device="cpu"))
    one.listen("/pose")
    one.frame(7, arrival=0.5)
    one.frame(0, arrival=100.5)
    one.frame(0, arrival=100.6)
    assert one.road.stamps == [7.0, 100.5, 100.6]
