"""Two faces before the camera, in processes: topics below ids, a Marker each, and what becomes of one who leaves."""

import struct

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

from geometry_msgs.msg import PoseStamped  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header, String  # noqa: E402
from two_faces import scene  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.nodes.qos import FACE_ID, MESH, OBSERVATION  # noqa: E402
from extreme3d_ros.nodes.transport import make_room  # noqa: E402

make_room()


class Camera:
    """Sends five images a second."""

    def __init__(self, listener):
        self.image = scene("right")
        self._node = listener.node
        self._publisher = self._node.create_publisher(Image, "/camera/image_raw", 1)
        self._node.create_timer(0.2, self._send)

    def _send(self):
        stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(layer_to_image(self.image, Header(stamp=stamp, frame_id="camera")))


def marker_of(raw):
    """(id, action) of a serialized Marker, without its 9 MB of corners."""
    (length,) = struct.unpack_from("<I", raw, 12)
    at = 16 + length
    at += -at % 4
    (length,) = struct.unpack_from("<I", raw, at)
    at += 4 + length
    at += -at % 4
    number, _, action = struct.unpack_from("<iii", raw, at)
    return number, action


@pytest.fixture(params=["two processes", "container"])
def road(request, start, listener):
    """The nodes, at rest, before a camera that shows one face."""
    names = ["face_node", "completion_node"] if request.param == "two processes" else ["face_container"]
    arguments = ["-r", "__ns:=/face", "-r", "image_raw:=/camera/image_raw"]
    for name in names:
        # A busy machine may well take a second for a frame.
        parameters = {"lost_after": 3.0} if name != "face_node" else {}
        parameters |= {"reliability": "reliable"} if name != "completion_node" else {}
        start(name, *arguments, **parameters)
    return Camera(listener)


def ids_with_topics(listener, topic="bump_map"):
    names = (name.split("/") for name, _ in listener.node.get_topic_names_and_types())
    found = {parts[3] for parts in names if parts[:3] == ["", "face", "faces"] and parts[4:] == [topic]}
    return {face for face in found if listener.node.count_publishers(f"/face/faces/{face}/{topic}")}


def test_faces_come_go_and_keep_topics_and_markers_of_their_own(road, listener):
    raw = listener.listen(Marker, "/face/mesh", MESH, raw=True)
    ids = listener.listen(String, "/face/face_id", FACE_ID)

    def markers(action=Marker.ADD, since=0):
        return {number for number, done in map(marker_of, raw[since:]) if done == action}

    road.image = scene("left", "right")
    assert listener.wait(lambda: len(raw) > 1, 60)
    assert markers() == {0} and not ids_with_topics(listener), "one face is as ever"
    chosen = ids[-1].data
    assert chosen

    assert listener.set_parameter("/face/face_node", "max_faces", 2).successful
    assert listener.wait(lambda: markers() == {0, 1}, 40)
    faces = ids_with_topics(listener)
    assert len(faces) == 2 and chosen in faces and ids[-1].data == chosen
    assert not markers(Marker.DELETE), "the chosen face goes on as it was"
    (other,) = faces - {chosen}
    poses = {face: listener.listen(PoseStamped, f"/face/faces/{face}/pose", OBSERVATION) for face in faces}
    base = listener.listen(PoseStamped, "/face/pose", OBSERVATION)
    assert listener.wait(lambda: base and all(len(received) > 2 for received in poses.values()), 20)
    same = [pose for pose in poses[chosen] if pose.header.stamp == base[-1].header.stamp]
    assert same == [base[-1]], "the base topics carry the chosen face"
    assert poses[chosen][-1].pose.position.x > 0 > poses[other][-1].pose.position.x
    filled = listener.listen(Image, f"/face/faces/{other}/bump_map_filled", OBSERVATION)
    assert listener.wait(lambda: filled, 20)
    late = listener.listen(Marker, "/face/mesh", MESH, raw=True)
    assert listener.wait(lambda: {marker_of(message)[0] for message in late} == {0, 1}, 20)

    road.image, since = scene("right"), len(raw)
    assert listener.wait(lambda: markers(Marker.DELETE, since), 20) == {1}, "who left, and nobody else"
    assert listener.wait(lambda: ids_with_topics(listener) == {chosen}, 20)
    since = len(raw)
    assert listener.wait(lambda: markers(since=since), 20) == {0}

    road.image = scene("left", "right")
    assert listener.wait(lambda: markers(since=since) == {0, 1}, 20)
    assert listener.set_parameter("/face/face_node", "max_faces", 1).successful
    assert listener.wait(lambda: not ids_with_topics(listener) and markers(Marker.DELETE, since) == {1}, 20)
    since = len(raw)
    assert listener.wait(lambda: markers(since=since), 20) == {0}
    assert len({message.data for message in ids}) == 1, [message.data for message in ids]
