"""The nodes as users run them: processes that talk over DDS."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
astronaut = pytest.importorskip("skimage.data").astronaut

import ros_helpers  # noqa: E402
import trimesh  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import SetBool, Trigger  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.messages.observation import TOPICS, messages_to_observation  # noqa: E402
from extreme3d_ros.messages.stamps import stamp_of  # noqa: E402
from extreme3d_ros.nodes.qos import MESH, OBSERVATION  # noqa: E402

ros_helpers.keep_to_this_machine()

FRAME = "test_camera"
CAMERA = ["-r", "image_raw:=/camera/image_raw", "-r", "camera_info:=/camera/camera_info"]


class Road:
    """image_source, face_node and completion_node at work on the astronaut, and a listener."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = ros_helpers.Listener()
        patient = {"max_latency": 3600.0}  # a busy machine may well be slow
        namespace = ["-r", "__ns:=/face"]
        self.face = ros_helpers.NodeProcess("face_node", folder / "face.log", *namespace, *CAMERA, **patient)
        self.completion = ros_helpers.NodeProcess(
            "completion_node", folder / "completion.log", *namespace, ply_dir=folder / "meshes", **patient
        )
        self.start_source()
        self.received = {topic: self._listen(kind, topic, OBSERVATION) for topic, kind in TOPICS.items()}
        self.received["bump_map_filled"] = self._listen(Image, "bump_map_filled", OBSERVATION)
        self.received["mesh"] = self._listen(Marker, "mesh", MESH)
        self.diagnostics = self.listener.listen(DiagnosticArray, "/diagnostics", 10)
        assert self.next("mesh", seconds=60), self.logs

    def _listen(self, kind, topic, qos):
        return self.listener.listen(kind, f"/face/{topic}", qos, raw=True)

    def start_source(self):
        self.source = ros_helpers.NodeProcess(
            "image_source", self.folder / "source.log", *CAMERA, frame_id=FRAME, rate=5
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

    def status(self, node, test=lambda status: True, seconds=10.0):
        """The next diagnostic status of a node that passes a test."""
        start = len(self.diagnostics)

        def find():
            statuses = (message.status[0] for message in self.diagnostics[start:])
            return next((status for status in statuses if status.name == node and test(status)), None)

        return self.listener.wait(find, seconds)

    def set_parameter(self, node, name, value):
        kind = {str: "STRING", float: "DOUBLE", bool: "BOOL"}[type(value)]
        given = ParameterValue(type=getattr(ParameterType, f"PARAMETER_{kind}"), **{f"{kind.lower()}_value": value})
        request = SetParameters.Request(parameters=[Parameter(name=name, value=given)])
        return self.listener.call(SetParameters, f"{node}/set_parameters", request).results[0]

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
    yield road
    road.close()


def corners(marker):
    return np.array([[p.x, p.y, p.z] for p in marker.points])


# --- the road as a whole ----------------------------------------------------------------------------------------------


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
    assert set(np.unique(layers.mask)) <= {0, 255} and set(np.unique(layers.occlusion)) <= {0, 1, 2, 3}
    np.testing.assert_array_equal(layers.mask == 255, layers.occlusion == 1)
    assert np.count_nonzero(layers.mask) > 10_000
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
    assert road.set_parameter("/face/completion_node", "lost_after", 3600.0).successful
    answer = road.listener.call(SetBool, "/face/enable", SetBool.Request(data=False))
    assert answer.success and "paused" in answer.message
    assert road.status("face/face_node", lambda status: "paused" in status.message)
    road.listener.spin(1.0)
    shown = road.received["mesh"][-1]
    late = road.listener.listen(Marker, "/face/mesh", MESH, raw=True)
    assert road.listener.wait(lambda: late, 10)
    assert stamp_of(late[0]) == stamp_of(shown)

    assert road.set_parameter("/face/completion_node", "lost_after", 1.0).successful
    deleted = road.next("mesh")
    assert (deleted.action, deleted.ns, deleted.id) == (Marker.DELETE, "face", 0)
    assert deleted.header.frame_id == FRAME
    assert not road.next("mesh", seconds=1.5), "deleted once"
    assert road.listener.call(SetBool, "/face/enable", SetBool.Request(data=True)).success
    assert road.next("mesh", lambda marker: marker.action == Marker.ADD)


def test_the_mesh_vanishes_when_the_source_is_killed(road):
    road.source.end(signal.SIGKILL)
    assert road.next("mesh", lambda marker: marker.action == Marker.DELETE, seconds=10)
    warned = road.status("face/face_node", lambda status: status.level == DiagnosticStatus.WARN, seconds=15)
    assert warned and "/camera/image_raw (publishers: " in warned.message
    assert road.listener.wait(lambda: "no image for" in road.face.output, 10)
    road.start_source()
    assert road.next("mesh", lambda marker: marker.action == Marker.ADD)
    assert road.status("face/face_node", lambda status: status.level == DiagnosticStatus.OK)


def test_save_ply_writes_the_finished_mesh(road):
    answer = road.listener.call(Trigger, "/face/save_ply", Trigger.Request())
    assert answer.success, answer.message
    assert re.fullmatch(rf"{road.folder}/meshes/face_\d+_\d{{9}}\.ply", answer.message)
    mesh = trimesh.load(answer.message, process=False)
    assert 3 * len(mesh.faces) == len(road.next("mesh").points)
    assert 0.2 < mesh.vertices[:, 2].mean() < 5, "in the camera's frame"


def malformed_images():
    short = layer_to_image(np.zeros((480, 640, 3), np.uint8), Header())
    short.data = short.data[:1000]
    unknown = layer_to_image(np.zeros((48, 64, 3), np.uint8), Header())
    unknown.encoding = "purple12"
    return [short, unknown, Image(), layer_to_image(np.zeros((16, 16, 3), np.uint8), Header())]


def test_malformed_images_leave_one_line_and_a_node_that_works(road):
    publisher = road.listener.node.create_publisher(Image, "/camera/image_raw", 1)
    assert road.listener.wait(publisher.get_subscription_count)
    for image in malformed_images() * 2:
        publisher.publish(image)
        road.listener.spin(0.3)
    assert road.status("face/face_node", lambda status: int(value(status, "skipped")) > 0)
    assert road.next("mesh") and road.face.alive
    lines = [line for line in road.face.output.splitlines() if "skipped" in line]
    assert 1 <= len(lines) <= 4 and not any("report this" in line for line in lines), lines  # one of each kind

    bgr = np.ascontiguousarray(astronaut()[..., ::-1])
    grey = layer_to_image(np.ascontiguousarray(bgr[..., 1]), Header(frame_id="grey"))

    def seen():
        publisher.publish(grey)
        return road.next("pose", lambda pose: pose.header.frame_id == "grey", seconds=0.3)

    assert road.listener.wait(seen, 20), "mono8 is taken"
    road.listener.node.destroy_publisher(publisher)


def value(status, key):
    return {pair.key: pair.value for pair in status.values}[key]


def test_diagnostics_tell_rate_latency_drops_and_engine(road):
    common = {"engine", "frames_in", "dropped", "rate_hz", "latency_median_ms", "latency_p95_ms"}
    for node, stages in {
        "face/face_node": {"detection_ms", "crop_ms", "foundation_ms", "raster_ms", "occlusion_ms", "bump_ms"},
        "face/completion_node": {"hole_filling_ms", "soft_symmetry_ms", "zipper_ms"},
    }.items():
        status = road.status(node, lambda status: float(value(status, "rate_hz")) > 0)
        assert status.level == DiagnosticStatus.OK and status.message == "working"
        assert common | stages <= {pair.key for pair in status.values}
        assert 0 < float(value(status, "latency_median_ms")) <= float(value(status, "latency_p95_ms"))
    assert "waiting for images on /camera/image_raw" in road.face.output


def test_live_parameters_change_and_the_others_say_why_not(road):
    node = "/face/completion_node"
    assert road.set_parameter(node, "coloring", "plain").successful
    assert road.next("mesh", lambda marker: marker.points and not marker.colors)
    assert road.set_parameter(node, "coloring", "texture").successful
    assert road.next("mesh", lambda marker: len({(c.r, c.g, c.b) for c in marker.colors}) > 100)
    refused = road.set_parameter(node, "coloring", "pink")
    assert not refused.successful and "shaded, texture, plain" in refused.reason
    refused = road.set_parameter("/face/face_node", "face_model", "other.npz")
    assert not refused.successful and "configure" in refused.reason
    assert road.set_parameter(node, "coloring", "shaded").successful


def test_every_mesh_is_saved_if_asked(road):
    node, folder = "/face/completion_node", road.folder / "every"
    for name, wanted in {"ply_dir": str(folder), "save_every_mesh": True}.items():
        assert road.set_parameter(node, name, wanted).successful
    assert road.listener.wait(lambda: folder.exists() and len(list(folder.glob("face_*_every.ply"))) >= 3)
    assert road.set_parameter(node, "save_every_mesh", False).successful
    assert road.set_parameter(node, "ply_dir", str(road.folder / "meshes")).successful


# --- each node by itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["face_node", "completion_node", "image_source"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_nodes_end_cleanly(name, by, start, listener):
    process = start(name)
    ready = {"face_node": "waiting for images", "completion_node": "waiting for observations"}.get(name, "sending")
    assert listener.wait(lambda: ready in process.output, 40), process.output
    time.sleep(0.5)  # until it spins: rclpy itself prints of signals that come while a node is being made
    assert process.end(by) == 0
    assert "Traceback" not in process.output and "rror" not in process.output, process.output


@pytest.mark.parametrize("source", ["no_such_file.jpg", "97", "no_such_video.mp4", __file__])
def test_an_unreadable_source_ends_with_status_2_and_one_line(source, start):
    process = start("image_source", source=source)
    assert process.process.wait(30) == 2
    lines = [line for line in process.output.splitlines() if line.startswith("extreme3d: ")]
    assert len(lines) == 1 and source in lines[0] and "Traceback" not in process.output


@pytest.mark.parametrize("wrong", [{"rate": "fast"}, {"rate": -1}, {"width": 1.5}])
def test_a_wrong_parameter_ends_with_status_2_and_one_line(wrong, start):
    process = start("image_source", **wrong)
    assert process.process.wait(30) == 2
    assert "Traceback" not in process.output and next(iter(wrong)) in process.output


def state(listener, node):
    return listener.call(GetState, f"/{node}/get_state", GetState.Request()).current_state.label


def change(listener, node, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return listener.call(ChangeState, f"/{node}/change_state", request, 60).success


@pytest.mark.parametrize("name", ["face_node", "completion_node"])
def test_a_missing_model_leaves_a_node_that_tells_so(name, start, listener):
    process = start(name, face_model="/no/such/model.npz")
    diagnostics = listener.listen(DiagnosticArray, "/diagnostics", 10)

    def told():
        statuses = [m.status[0] for m in diagnostics if m.status[0].name == name]
        return any(s.level == DiagnosticStatus.ERROR and "/no/such/model.npz" in s.message for s in statuses)

    assert listener.wait(told, 40), process.output
    assert state(listener, name) == "unconfigured" and process.alive
    assert len([line for line in process.output.splitlines() if "/no/such/model.npz" in line]) == 1
    if name == "completion_node":
        answer = listener.call(Trigger, "/save_ply", Trigger.Request())
        assert not answer.success and "not configured" in answer.message


@pytest.mark.parametrize("name", ["face_node", "completion_node"])
def test_a_profile_whose_face_model_was_not_imported(name, start, listener, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    process = start(name, profile="extreme3d")
    command = "extreme3d models import bfm2009"
    assert listener.wait(lambda: command in process.output, 40), process.output
    assert len([line for line in process.output.splitlines() if command in line]) == 1 and process.alive


@pytest.mark.parametrize("name", ["face_node", "completion_node"])
def test_without_autostart_a_lifecycle_manager_leads(name, start, listener):
    start(name, autostart="false")
    assert state(listener, name) == "unconfigured"
    for _ in range(2):
        assert change(listener, name, Transition.TRANSITION_CONFIGURE)
        assert change(listener, name, Transition.TRANSITION_ACTIVATE)
        assert state(listener, name) == "active"
        assert change(listener, name, Transition.TRANSITION_DEACTIVATE)
        assert change(listener, name, Transition.TRANSITION_CLEANUP)
    assert change(listener, name, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state(listener, name) == "finalized"


def test_compressed_images_are_taken(start, listener):
    import cv2

    start("face_node", image_transport="compressed")
    poses = listener.listen(TOPICS["pose"], "/pose", OBSERVATION)
    publisher = listener.node.create_publisher(CompressedImage, "/image_raw/compressed", 1)
    jpeg = cv2.imencode(".jpg", np.ascontiguousarray(astronaut()[..., ::-1]))[1].tobytes()

    def seen():
        publisher.publish(CompressedImage(header=Header(frame_id="packed"), format="jpeg", data=jpeg))
        listener.spin(0.2)
        return poses

    assert listener.wait(seen, 40)[0].header.frame_id == "packed"


def test_an_idle_node_computes_nothing(start, listener):
    """Images come, but nobody subscribes to what would be made of them."""
    start("image_source")
    start("face_node")
    diagnostics = listener.listen(DiagnosticArray, "/diagnostics", 10)

    def idle():
        statuses = [m.status[0] for m in diagnostics if m.status[0].name == "face_node"]
        return next((s for s in statuses if s.values and int(value(s, "frames_in")) > 5), None)

    status = listener.wait(idle, 40)
    assert "nobody subscribes" in status.message and value(status, "faces") == "0"
    assert value(status, "camera") == "no image yet"


def test_observations_of_no_use_are_told_once_and_do_no_harm(start, listener):
    """completion_node gets one of another face model, then others; before any came, save_ply says so."""
    process = start("completion_node")
    answer = listener.call(Trigger, "/save_ply", Trigger.Request(), 40)
    assert not answer.success and "no face has been seen" in answer.message
    from extreme3d_ros.camera import Camera
    from extreme3d_ros.messages.observation import observation_to_messages
    from extreme3d_ros.records import Coefficients, Crop, Face, Foundation, Layers, Observation

    blank = np.zeros((512, 512), np.uint8)
    seen = Observation(
        Face((0, 0, 1, 1), np.zeros((468, 2)), 1.0),
        Crop(np.zeros((512, 512, 3), np.uint8), Camera.assumed(512, 512), np.eye(3)),
        Foundation(np.ones((5, 3), np.float32), np.eye(3), np.ones(3)),
        Coefficients(np.zeros(99), np.zeros(29)),
        None,
        Layers(np.zeros((512, 512), np.float32), blank, blank),
        1.0,
    )
    listener.listen(Marker, "/mesh", MESH)
    make_publisher = listener.node.create_publisher
    publishers = {topic: make_publisher(kind, f"/{topic}", OBSERVATION) for topic, kind in TOPICS.items()}
    assert listener.wait(lambda: all(p.get_subscription_count() for p in publishers.values()))

    def changed(topic, **fields):
        def change(messages):
            for name, given in fields.items():
                setattr(messages[topic], name, given)

        return change

    def tells(line, change):
        def told():
            header = Header(stamp=listener.node.get_clock().now().to_msg())
            messages = {topic: make() for topic, make in observation_to_messages(seen, header).items()}
            change(messages)
            for topic, message in messages.items():
                publishers[topic].publish(message)
            listener.spin(0.2)
            return line in process.output

        assert listener.wait(told, 20), process.output

    tells("the foundation has 5 vertices", lambda messages: None)
    small = layer_to_image(np.zeros((256, 256), np.float32), Header())
    fields = {name: getattr(small, name) for name in ("width", "height", "step", "data")}
    tells("bump is 256 x 256 pixels, not 512 x 512", changed("bump_map", **fields))
    nan = layer_to_image(np.full((512, 512), np.nan, np.float32), Header())
    tells("bump_map is not in metres, or not finite", changed("bump_map", data=nan.data))
    tells("image encoding is 'mono8' where '32FC1' is needed", changed("bump_map", encoding="mono8"))
    tells("point cloud of 9 x 1 points", changed("foundation", width=9))
    tells("point cloud has no float32 fields", changed("foundation", fields=[]))
    tells("crop/camera_info has no intrinsics", changed("crop/camera_info", k=np.zeros(9)))
    for _ in range(3):
        tells("the foundation has 5 vertices", lambda messages: None)
    assert process.alive
    lines = [line.split("]: ")[1] for line in process.output.splitlines() if "skipped" in line]
    assert len(lines) == len(set(lines)) == 7, lines


def test_without_scikit_image_the_astronaut_says_how_to_get_it():
    """It is an extra."""
    code = (
        "import sys; sys.modules['skimage'] = None\nfrom extreme3d_ros.nodes.image_source import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd=ros_helpers.REPOSITORY
    )
    assert done.returncode == 2 and "pip install scikit-image" in done.stderr
