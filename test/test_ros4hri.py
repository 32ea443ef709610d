"""face_node and completion_node on faces that another node tracks (REP-155), and the head's frame on /tf."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

import cv2  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from ros_helpers import values  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from two_faces import LEFT, RIGHT, scene  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.humans import FACES, IdsList, RoiMessage  # noqa: E402
from extreme3d_ros.messages.transform import TFMessage  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.image_source import ImageSource  # noqa: E402
from extreme3d_ros.nodes.qos import FACE_ID, MESH, OBSERVATION  # noqa: E402

with_hri_msgs = pytest.mark.skipif(not IdsList, reason="hri_msgs is not installed")
#: The astronaut's face, and a corner without one; xmin, ymin, xmax, ymax.
FACE, CORNER = (0.35, 0.1, 0.55, 0.38), (0.0, 0.7, 0.25, 1.0)


class Tracker:
    """Says of every image which faces are where, as a face detector does."""

    def __init__(self, listener):
        self.faces = {}
        self._node = listener.node
        self._publishers = {}
        self._tracked = self._node.create_publisher(IdsList, f"{FACES}/tracked", 1)
        self._node.create_subscription(Image, "/image_raw", self._track, 1)

    def _track(self, image):
        self._tracked.publish(IdsList(header=image.header, ids=list(self.faces)))
        for face, corners in self.faces.items():
            if face not in self._publishers:
                self._publishers[face] = self._node.create_publisher(RoiMessage, f"{FACES}/{face}/roi", 1)
            box = dict(zip(("xmin", "ymin", "xmax", "ymax"), corners))
            self._publishers[face].publish(RoiMessage(header=image.header, c=1.0, **box))


@pytest.fixture
def observing(make_bench):
    """Makes a bench with a camera and face_node."""

    def make(**parameters):
        bench = make_bench(rate=5.0, reliability="reliable", **parameters)
        bench.add(ImageSource())
        bench.add(FaceNode()).autostart()
        return bench

    return make


def test_a_node_is_late_from_the_latency_that_is_set(observing):
    bench = observing(max_latency=0.001)
    bench.listen(PoseStamped, "/pose", OBSERVATION)
    status = bench.status("face_node", lambda s: s.message.startswith("slow"))
    assert status and status.level == DiagnosticStatus.WARN
    assert f"{float(values(status)['latency_p95_ms']) / 1e3:.2f} s" in status.message and "0.001" in status.message


@pytest.mark.skipif(bool(IdsList), reason="hri_msgs is installed")
def test_without_hri_msgs_face_node_says_how_to_get_it(observing, capfd):
    bench = observing(ros4hri="true")
    assert "hri_msgs" in capfd.readouterr().err
    assert bench.status("face_node", lambda s: s.level == DiagnosticStatus.ERROR and "hri_msgs" in s.message)


@with_hri_msgs
def test_a_face_tracked_by_others_is_worked_on_and_found_below_its_id(start, listener):
    tracker = Tracker(listener)
    start("image_source", rate=5)
    face = start("face_node", reliability="reliable", ros4hri="true")
    start("completion_node", ros4hri="true")
    poses = listener.listen(PoseStamped, "/pose", OBSERVATION)
    ids = listener.listen(String, "/face_id", FACE_ID)
    assert listener.status("face_node", lambda s: values(s).get("ros4hri") == "no face is tracked")
    assert not poses, "no face is searched for"

    tracker.faces = {"corner": CORNER}
    listener.spin(2)
    assert not poses, "nor found outside the region"

    tracker.faces = {"corner": CORNER, "abcde": tuple(FACE)}
    tracker.faces["corner"] = (0.0, 0.9, 0.1, 1.0)
    beside = listener.listen(PoseStamped, f"{FACES}/abcde/pose", OBSERVATION)
    meshes = listener.listen(Marker, f"{FACES}/abcde/mesh", MESH, raw=True)
    assert listener.wait(lambda: poses and beside and meshes, 60), face.output
    assert beside[-1].header.frame_id == "camera" and 0.2 < beside[-1].pose.position.z < 5
    mesh = deserialize_message(meshes[-1], Marker)
    assert mesh.action == Marker.ADD and len(mesh.points) > 30_000
    assert listener.status("face_node", lambda s: values(s).get("ros4hri") == "working on abcde")
    assert ids[-1].data == "abcde"

    tracker.faces = {"other": FACE}
    others = listener.listen(Marker, f"{FACES}/other/mesh", MESH, raw=True)
    assert listener.wait(lambda: others, 20)
    assert listener.wait(lambda: not listener.node.count_publishers(f"{FACES}/abcde/mesh"), 10)
    assert listener.wait(lambda: deserialize_message(meshes[-1], Marker).action == Marker.DELETE, 5)


@with_hri_msgs
def test_of_several_tracked_faces_each_has_its_topics_and_marker(start, listener, tmp_path):
    tracker = Tracker(listener)
    tracker.faces = {"small": LEFT, "large": RIGHT}
    cv2.imwrite(str(tmp_path / "two.png"), scene("left", "right"))
    start("image_source", rate=5, source=tmp_path / "two.png")
    start("face_node", reliability="reliable", ros4hri="true", max_faces=2)
    start("completion_node", ros4hri="true", lost_after=3.0)
    base = listener.listen(PoseStamped, "/pose", OBSERVATION)
    own = {face: listener.listen(PoseStamped, f"{FACES}/{face}/pose", OBSERVATION) for face in tracker.faces}
    meshes = {face: listener.listen(Marker, f"{FACES}/{face}/mesh", MESH) for face in tracker.faces}
    assert listener.wait(lambda: base and all(own.values()) and all(meshes.values()), 90)
    assert own["small"][-1].pose.position.x < 0 < own["large"][-1].pose.position.x
    assert base[-1].pose.position.x > 0, "the base topics carry the larger face"
    assert {face: received[-1].id for face, received in meshes.items()} == {"large": 0, "small": 1}

    tracker.faces = {"large": RIGHT}
    assert listener.wait(lambda: meshes["small"][-1].action == Marker.DELETE, 20) and meshes["small"][-1].id == 1
    assert listener.wait(lambda: not listener.node.count_publishers(f"{FACES}/small/mesh"), 10)
    count = len(meshes["large"])
    assert listener.wait(lambda: len(meshes["large"]) > count, 20)


@with_hri_msgs
def test_a_node_that_waits_for_a_tracker_in_vain_warns(observing):
    assert observing(ros4hri="true").status(
        "face_node", lambda s: s.level == DiagnosticStatus.WARN and "/tracked" in s.message
    )


@pytest.mark.skipif(not TFMessage, reason="tf2_msgs is not installed")
def test_the_head_is_a_frame_of_tf_while_frames_are_observed_anyway(observing):
    bench = observing(tf_frame="head", max_latency=3600.0)
    transforms = bench.listen(TFMessage, "/tf", 100)
    assert bench.status("face_node", lambda s: "nobody subscribes" in s.message)
    assert not transforms, "listeners of /tf alone keep nothing computed"
    poses = bench.listen(PoseStamped, "/pose", OBSERVATION)
    assert bench.wait(lambda: len(transforms) > 2 and len(poses) > 2, 40)
    (transform,) = transforms[-1].transforms
    assert (transform.header.frame_id, transform.child_frame_id) == ("camera", "head")
    pose = next(pose for pose in poses if pose.header.stamp == transform.header.stamp).pose.position
    p = transform.transform.translation
    np.testing.assert_array_equal([p.x, p.y, p.z], [pose.x, pose.y, pose.z])
    assert values(bench.status("face_node", lambda s: s.message == "working"))["tf"] == "camera to head"
