"""Which publishers and subscribers the nodes suit, by their quality of service; without processes."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import (  # noqa: E402
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_profile_sensor_data,
    qos_profile_system_default,
)
from sensor_msgs.msg import Image  # noqa: E402
from stand_ins import FacelessRoad  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.nodes.completion_node import CompletionNode  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.image_source import ImageSource  # noqa: E402

RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
#: Those of viewers: RViz, ros2 topic echo, image_transport.
VIEWERS = {
    "ten, reliable": QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE),
    "sensor data": qos_profile_sensor_data,
    "the system's default": qos_profile_system_default,
}


@pytest.mark.parametrize("cameras", RELIABILITIES)
@pytest.mark.parametrize("nodes", RELIABILITIES)
def test_images_come_unless_reliability_is_asked_of_a_camera_that_has_none(make_bench, nodes, cameras):
    bench = make_bench(device="cpu", reliability=nodes)
    face = bench.add(FaceNode(FacelessRoad))
    face.autostart()
    qos = QoSProfile(depth=1, reliability=RELIABILITIES[cameras])
    camera = bench.node.create_publisher(Image, "image_raw", qos)
    image = layer_to_image(np.zeros((8, 8, 3), np.uint8), Header())
    suits = (nodes, cameras) != ("reliable", "best_effort")

    def came():
        camera.publish(image)
        return face._images.frames > 0

    assert bool(bench.wait(came, 5.0 if suits else 1.0)) == suits


@pytest.mark.parametrize("make", [FaceNode, CompletionNode])
def test_every_topic_suits_the_usual_viewers(make_bench, make):
    bench = make_bench()
    node = bench.add(make(lambda *arguments: (None, 9) if make is CompletionNode else FacelessRoad()))
    node.autostart()
    wanted = {"/mesh", "/diagnostics"} if make is CompletionNode else {"/pose", "/bump_map", "/face_id"}

    def names():
        found = bench.node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace())
        return {name for name, _ in found} - {"/rosout", "/parameter_events", f"/{node.get_name()}/transition_event"}

    assert bench.wait(lambda: wanted <= names())
    ours = names()
    for topic in ours:
        (offered,) = (each.qos_profile for each in bench.node.get_publishers_info_by_topic(topic))
        for viewer, wanted in VIEWERS.items():
            verdict, reason = qos_check_compatible(offered, wanted)
            assert verdict != QoSCompatibility.ERROR, f"{topic}, {viewer}: {reason}"
    kept = "/mesh" if make is CompletionNode else "/face_id"
    (offered,) = (each.qos_profile for each in bench.node.get_publishers_info_by_topic(kept))
    assert offered.durability == DurabilityPolicy.TRANSIENT_LOCAL, "who comes late sees the last one"


def test_an_image_source_s_rate_changes_while_it_sends(make_bench):
    bench = make_bench()
    source = bench.add(ImageSource())
    came = bench.listen(Image, "image_raw", qos_profile_sensor_data)
    source.set_parameters([Parameter("rate", value=2.0)])
    assert bench.wait(lambda: source._timer.timer_period_ns == 500_000_000)
    (answer,) = source.set_parameters([Parameter("rate", value=100.0)])
    assert answer.successful and bench.wait(lambda: len(came) > 20)
    (answer,) = source.set_parameters([Parameter("frame_id", value="other")])
    assert not answer.successful and answer.reason
