"""Each node by itself: how it is led, what it says of what it gets, and how it ends."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

import ros_helpers  # noqa: E402
from stand_ins import received  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.messages.observation import NEEDED, observation_to_messages  # noqa: E402
from extreme3d_ros.nodes.completion_node import CompletionNode  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.qos import MESH, OBSERVATION  # noqa: E402


@pytest.mark.parametrize("name", ["face_node", "completion_node", "image_source"])
def test_nodes_end_cleanly(name, start, listener):
    """By SIGTERM; by SIGINT whatever tests start does (conftest.py)."""
    process = start(name)
    ready = {"face_node": "waiting for images", "completion_node": "waiting for observations"}.get(name, "sending")
    assert listener.wait(lambda: ready in process.output, 40), process.output
    time.sleep(0.5)  # until it spins: rclpy itself prints of signals that come while a node is being made
    assert process.end(signal.SIGTERM) == 0
    assert "Traceback" not in process.output and "rror" not in process.output, process.output


@pytest.mark.parametrize("make", [FaceNode, CompletionNode])
def test_without_autostart_a_lifecycle_manager_leads(make, make_bench):
    bench = make_bench(autostart="false")
    node = bench.add(make())
    node.autostart()
    name = f"/{node.get_name()}"
    assert bench.state(name) == "unconfigured"
    for _ in range(2):
        assert bench.change(name, "configure") and bench.change(name, "activate")
        assert bench.state(name) == "active"
        assert bench.change(name, "deactivate") and bench.change(name, "cleanup")
    assert bench.change(name, "unconfigured_shutdown")
    assert bench.state(name) == "finalized"


def test_observations_of_no_use_are_told_once_and_do_no_harm(make_bench, capfd):
    """completion_node gets one of another face model, then others; before any came, save_ply says so."""
    bench, said = make_bench(), []
    bench.add(CompletionNode()).autostart()
    answer = bench.call(Trigger, "/save_ply", Trigger.Request(), 40)
    assert not answer.success and "no face has been seen" in answer.message

    seen = received(vertices=np.ones((5, 3), np.float32), t=np.ones(3))
    bench.listen(Marker, "/mesh", MESH)
    make_publisher = bench.node.create_publisher
    publishers = {topic: make_publisher(kind, f"/{topic}", OBSERVATION) for topic, kind in NEEDED.items()}
    assert bench.wait(lambda: all(p.get_subscription_count() for p in publishers.values()))

    def changed(topic, **fields):
        def change(messages):
            for name, given in fields.items():
                setattr(messages[topic], name, given)

        return change

    def tells(line, change):
        def told():
            header = Header(stamp=bench.node.get_clock().now().to_msg())
            makers = observation_to_messages(seen, header)
            messages = {topic: makers[topic]() for topic in NEEDED}
            change(messages)
            for topic, message in messages.items():
                publishers[topic].publish(message)
            bench.spin(0.2)
            said.extend(capfd.readouterr().err.splitlines())
            return any(line in each for each in said)

        assert bench.wait(told, 20), said

    tells("the foundation has 5 vertices", lambda messages: None)
    small = layer_to_image(np.zeros((256, 256), np.float32), Header())
    fields = {name: getattr(small, name) for name in ("width", "height", "step", "data")}
    tells("bump_map is of 256 x 256 pixels, not 512 x 512", changed("bump_map", **fields))
    nan = layer_to_image(np.full((512, 512), np.nan, np.float32), Header())
    tells("bump_map is not in metres, or not finite", changed("bump_map", data=nan.data))
    tells("image encoding is 'mono8' where '32FC1' is needed", changed("bump_map", encoding="mono8"))
    tells("point cloud of 9 x 1 points", changed("foundation", width=9))
    tells("point cloud has no float32 fields", changed("foundation", fields=[]))
    tells("crop/camera_info has no intrinsics", changed("crop/camera_info", k=np.zeros(9)))
    for _ in range(3):
        tells("the foundation has 5 vertices", lambda messages: None)
    lines = [line.split("]: ")[1] for line in said if "skipped" in line]
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
