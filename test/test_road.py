"""The road as users run it: a source and both nodes, processes that talk over DDS."""

import re
import signal
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
astronaut = pytest.importorskip("skimage.data").astronaut

import ros_helpers  # noqa: E402
import trimesh  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import SetBool, Trigger  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.observation import TOPICS, messages_to_observation  # noqa: E402
from extreme3d_ros.messages.stamps import stamp_of  # noqa: E402
from extreme3d_ros.nodes.qos import MESH, OBSERVATION  # noqa: E402

FRAME = "test_camera"


class Road:
    """image_source, face_node and completion_node at work on the astronaut, and a listener."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = ros_helpers.Listener()
        patient = {"max_latency": 3600.0}  # a busy machine may well be slow
        namespace = ["-r", "__ns:=/face"]
        self.face = ros_helpers.NodeProcess(
            "face_node", folder / "face.log", *namespace, *ros_helpers.CAMERA, **patient
        )
        self.completion = ros_helpers.NodeProcess(
            "completion_node", folder / "completion.log", *namespace, ply_dir=folder / "meshes", **patient
        )
        self.start_source()
        self.received = {topic: self._listen(kind, topic, OBSERVATION) for topic, kind in TOPICS.items()}
        self.received["bump_map_filled"] = self._listen(Image, "bump_map_filled", OBSERVATION)
        self.received["mesh"] = self._listen(Marker, "mesh", MESH)

    def _listen(self, kind, topic, qos):
        return self.listener.listen(kind, f"/face/{topic}", qos, raw=True)

    def start_source(self):
        self.source = ros_helpers.NodeProcess(
            "image_source", self.folder / "source.log", *ros_helpers.CAMERA, frame_id=FRAME, rate=5
        )

    def next(self, topic, test=lambda message: True, seconds=20.0):
        """The next message of a topic that passes a test; None if there is none in time."""
        received, start = self.received[topic], len(self.received[topic])
        kind = TOPICS.get(topic, Marker if topic == "mesh" else Image)

        def find():
            nonlocal start
            while start < len(received):
                message = deserialize_message(received[start], kind)
                start += 1
                if test(message):
                    return message

        return self.listener.wait(find, seconds)

    def frame(self, seconds=30.0):
        """All topics' messages of one frame."""
        for received in self.received.values():
            received.clear()

        def find():
            stamps = [{stamp_of(message) for message in received} for received in self.received.values()]
            return sorted(set.intersection(*stamps))

        stamp = self.listener.wait(find, seconds)[0]
        kinds = TOPICS | {"bump_map_filled": Image, "mesh": Marker}
        return {
            topic: deserialize_message(next(m for m in received if stamp_of(m) == stamp), kinds[topic])
            for topic, received in self.received.items()
        }

    @property
    def logs(self):
        return "".join(process.output for process in (self.source, self.face, self.completion))

    def close(self):
        statuses = [process.end() for process in (self.source, self.face, self.completion)]
        self.listener.close()
        assert statuses == [0, 0, 0], self.logs
        assert "Traceback" not in self.logs


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    road = Road(tmp_path_factory.mktemp("road"))
    try:
        assert road.next("mesh", seconds=60), road.logs
        yield road
    finally:
        road.close()


def corners(marker):
    return np.array([[p.x, p.y, p.z] for p in marker.points])


def test_the_messages_of_a_frame_have_the_contracts_types_units_and_stamp(road):
    frame = road.frame()
    headers = [message.header for message in frame.values()]
    assert all(header == headers[0] for header in headers) and headers[0].frame_id == FRAME
    assert abs(headers[0].stamp.sec - time.time()) < 60
    encodings = {"crop/image": "bgr8", "bump_map": "32FC1", "bump_map_filled": "32FC1"}
    encodings |= {"mask": "mono8", "occlusion": "mono8"}
    for topic, encoding in encodings.items():
        image = frame[topic]
        assert (image.encoding, image.width, image.height) == (encoding, 512, 512), topic
    received = messages_to_observation({topic: frame[topic] for topic in TOPICS})
    layers, foundation, camera = received.layers, received.foundation, received.crop.camera
    mask = np.frombuffer(frame["mask"].data, np.uint8).reshape(512, 512)
    np.testing.assert_array_equal(mask, 255 * (layers.occlusion == 1))
    assert np.count_nonzero(mask) > 10_000 and layers.occlusion.max() <= 3
    assert np.isfinite(layers.bump).all() and 1e-5 < np.abs(layers.bump).max() < 0.03, "metres"
    assert not layers.bump[layers.occlusion == 0].any()
    np.testing.assert_allclose(np.linalg.det(foundation.R), 1, atol=1e-6)
    assert 0.2 < foundation.t[2] < 5 and foundation.R[1, 1] < -0.8, "upright, in front of the camera"
    pixels = camera.project(foundation.vertices)
    assert ((pixels > 0) & (pixels < 511)).all(), "the face lies on its crop"


def test_the_mesh_is_one_that_rviz_takes(road):
    marker = road.next("mesh")
    assert (marker.type, marker.action, marker.ns) == (Marker.TRIANGLE_LIST, Marker.ADD, "face")
    assert (marker.scale.x, marker.scale.y, marker.scale.z) == (1, 1, 1) and marker.color.a == 1
    points = corners(marker)
    assert len(points) % 3 == 0 and len(points) > 30_000 and np.isfinite(points).all()
    assert len(marker.colors) == len(points)
    size = np.ptp(points, axis=0)
    assert (size > 0.08).all() and (size < 0.5).all(), "a head, in metres"
    edges = points.reshape(-1, 3, 3)
    normals = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    towards = np.einsum("ij,ij->i", normals, -edges.mean(1)) > 0
    assert towards.mean() > 0.6, "triangles are counter-clockwise from outside"


def test_late_viewers_see_the_last_mesh_and_lost_faces_vanish(road):
    assert road.listener.set_parameter("/face/completion_node", "lost_after", 3600.0).successful
    answer = road.listener.call(SetBool, "/face/enable", SetBool.Request(data=False))
    assert answer.success and "paused" in answer.message
    assert road.listener.status("face/face_node", lambda status: "paused" in status.message)
    road.listener.spin(1.0)
    shown = road.received["mesh"][-1]
    late = road.listener.listen(Marker, "/face/mesh", MESH, raw=True)
    assert road.listener.wait(lambda: late, 10)
    assert stamp_of(late[0]) == stamp_of(shown)

    assert road.listener.set_parameter("/face/completion_node", "lost_after", 1.0).successful
    deleted = road.next("mesh")
    assert (deleted.action, deleted.ns, deleted.id) == (Marker.DELETE, "face", 0)
    assert deleted.header.frame_id == FRAME
    assert not road.next("mesh", seconds=1.5), "deleted once"
    assert road.listener.call(SetBool, "/face/enable", SetBool.Request(data=True)).success
    assert road.next("mesh", lambda marker: marker.action == Marker.ADD)


def test_the_mesh_vanishes_when_the_source_is_killed(road):
    road.source.end(signal.SIGKILL)
    assert road.next("mesh", lambda marker: marker.action == Marker.DELETE, seconds=10)
    warned = road.listener.status("face/face_node", lambda status: status.level == DiagnosticStatus.WARN, seconds=15)
    assert warned and "/camera/image_raw (publishers: " in warned.message
    assert road.listener.wait(lambda: "no image for" in road.face.output, 10)
    road.start_source()
    assert road.next("mesh", lambda marker: marker.action == Marker.ADD)
    assert road.listener.status("face/face_node", lambda status: status.level == DiagnosticStatus.OK)


def test_save_ply_writes_the_finished_mesh(road):
    answer = road.listener.call(Trigger, "/face/save_ply", Trigger.Request())
    assert answer.success, answer.message
    assert re.fullmatch(rf"{road.folder}/meshes/face_\d+_\d{{9}}\.ply", answer.message)
    mesh = trimesh.load(answer.message, process=False)
    assert 3 * len(mesh.faces) == len(road.next("mesh", lambda marker: marker.points).points)
    assert 0.2 < mesh.vertices[:, 2].mean() < 5, "in the camera's frame"


def test_diagnostics_tell_rate_latency_drops_and_engine(road):
    common = {"engine", "frames_in", "dropped", "rate_hz", "latency_median_ms", "latency_p95_ms"}
    for node, stages in {
        "face/face_node": {"detection_ms", "crop_ms", "foundation_ms", "raster_ms", "occlusion_ms", "bump_ms"},
        "face/completion_node": {"hole_filling_ms", "soft_symmetry_ms", "zipper_ms"},
    }.items():
        status = road.listener.status(node, lambda status: float(ros_helpers.values(status)["rate_hz"]) > 0)
        assert status.level == DiagnosticStatus.OK and status.message == "working"
        values = ros_helpers.values(status)
        assert common | stages <= values.keys()
        assert 0 < float(values["latency_median_ms"]) <= float(values["latency_p95_ms"])
    assert "waiting for images on /camera/image_raw" in road.face.output


def test_live_parameters_change_and_the_others_say_why_not(road):
    node = "/face/completion_node"
    assert road.listener.set_parameter(node, "coloring", "plain").successful
    assert road.next("mesh", lambda marker: marker.points and not marker.colors)
    assert road.listener.set_parameter(node, "coloring", "texture").successful
    assert road.next("mesh", lambda marker: len({(c.r, c.g, c.b) for c in marker.colors}) > 100)
    refused = road.listener.set_parameter(node, "coloring", "pink")
    assert not refused.successful and "shaded, texture, plain" in refused.reason
    refused = road.listener.set_parameter("/face/face_node", "face_model", "other.npz")
    assert not refused.successful and "configure" in refused.reason
    assert road.listener.set_parameter(node, "coloring", "shaded").successful


def test_every_mesh_is_saved_if_asked(road):
    node, folder = "/face/completion_node", road.folder / "every"
    for name, wanted in {"ply_dir": str(folder), "save_every_mesh": True}.items():
        assert road.listener.set_parameter(node, name, wanted).successful
    assert road.listener.wait(lambda: folder.exists() and len(list(folder.glob("face_*_every.ply"))) >= 3)
    assert road.listener.set_parameter(node, "save_every_mesh", False).successful
    assert road.listener.set_parameter(node, "ply_dir", str(road.folder / "meshes")).successful
