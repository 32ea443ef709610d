"""Errors that nobody foresaw: told once, and the nodes go on with the next frame."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from stand_ins import TRIANGLE, FacelessRoad, received  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.nodes.completion_node import CompletionNode  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.qos import MESH  # noqa: E402
from extreme3d_ros.records import Completed  # noqa: E402


class Trouble:
    """Raises what it was told to, while it was."""

    error: Exception | None = None

    def __call__(self):
        if self.error is not None:
            raise self.error


class StandInCompletion(Trouble):
    def __call__(self, crop, foundation, layers, person):
        super().__call__()
        return Completed(layers.bump, {}, TRIANGLE, TRIANGLE, {})


class StandInInlet:
    """Takes observations from the test."""

    origin, chosen, dropped = "of this test", "", 0

    def __init__(self, node, where, take):
        self.take, self.looked_up = take, Trouble()

    def faces(self):
        self.looked_up()
        return ()

    def open(self, face):
        pass

    def close(self, face):
        pass


class StandInRoad(FacelessRoad, Trouble):
    tracked = 0

    def track(self, frame, stamp, max_faces):
        self()
        self.tracked += 1
        return []


def told(capfd):
    return [line for line in capfd.readouterr().err.splitlines() if "[ERROR]" in line or "[WARN]" in line]


@pytest.fixture
def completing(make_bench):
    """completion_node with stand-ins, and a viewer of its meshes."""
    completion = StandInCompletion()
    road = make_bench()
    tested = road.add(CompletionNode(lambda *_: (completion, 3), StandInInlet))
    road.completion, road.tested, road.meshes = completion, tested, road.listen(Marker, "/mesh", MESH)
    tested.autostart()
    assert road.wait(lambda: tested._streams[""].open)

    def send(sec):
        header = Header(stamp=Time(sec=sec), frame_id="camera")
        before = tested.statistics["skipped"], len(road.meshes)
        tested._inlet.take("", lambda: received(header))
        assert road.wait(lambda: (tested.statistics["skipped"], len(road.meshes)) != before)

    road.send = send
    return road


def test_completion_goes_on_after_a_frame_that_broke_it(completing, capfd):
    completing.completion.error = IndexError("index 9 is out of\nbounds")
    for sec in range(1, 20):
        completing.send(sec)
    (line,) = told(capfd)
    assert "skipped: please report this: IndexError: index 9 is out of bounds (test_unforeseen.py:" in line
    completing.completion.error = None
    completing.send(20)
    assert completing.meshes[-1].header.stamp.sec == 20 and completing.tested.statistics["skipped"] == 19


def test_completion_goes_on_after_errors_beside_its_frames(completing, capfd):
    completing.tested._inlet.looked_up.error = RuntimeError("the graph is gone")
    assert completing.wait(lambda: completing.tested.statistics["skipped"] > 5)
    assert len(told(capfd)) == 1
    completing.tested._inlet.looked_up.error = None
    completing.send(1)
    assert completing.meshes


def test_diagnostics_go_on_after_a_report_that_broke(completing, capfd, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(completing.tested, "health", lambda: 1 / 0)
        assert completing.wait(lambda: completing.tested.statistics["skipped"])
    diagnostics = completing.listen(DiagnosticArray, "/diagnostics", 10)
    assert completing.wait(lambda: diagnostics) and len(told(capfd)) == 1


def test_whoever_asks_for_a_mesh_is_told_what_went_wrong(completing, monkeypatch):
    completing.send(1)
    monkeypatch.setattr(completing.tested._saving._files, "save", lambda *_: 1 / 0)
    answer = completing.call(Trigger, "/save_ply", Trigger.Request())
    assert not answer.success and "please report this: ZeroDivisionError" in answer.message


def test_face_node_goes_on_after_a_frame_that_broke_it(make_bench, capfd):
    road = StandInRoad()
    bench = make_bench(device="cpu")
    face = bench.add(FaceNode(lambda *_: road))
    face.autostart()
    bench.listen(Image, "/mask", 1)
    assert bench.wait(lambda: face.count_subscribers("/mask"))
    image = serialize_message(layer_to_image(np.zeros((8, 8, 3), np.uint8), Header(stamp=Time(sec=1))))
    told(capfd)
    road.error = MemoryError()
    for number in range(1, 20):
        face._take(image, 0.0)
        assert bench.wait(lambda number=number: face.statistics["skipped"] == number)
    (line,) = told(capfd)
    assert "please report this: MemoryError" in line
    road.error = None
    face._take(image, 0.0)
    assert bench.wait(lambda: road.tracked == 1)


def test_a_start_that_fails_is_told_and_can_be_tried_again(make_bench, capfd):
    trouble = Trouble()

    def make_inlet(*arguments):
        trouble()
        return StandInInlet(*arguments)

    node = make_bench().add(CompletionNode(lambda *_: (StandInCompletion(), 3), make_inlet))
    trouble.error = OSError("no more handles")
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.ERROR
    (line,) = told(capfd)
    assert "please report this: OSError: no more handles" in line
    trouble.error = None
    node.autostart()
    assert node._phase == "active"
