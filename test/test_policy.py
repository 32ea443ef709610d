"""The SROS2 policy allows the nodes what they do, and nothing else."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage", reason="the astronaut needs scikit-image")

from ros_helpers import CAMERA  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.messages.observation import TOPICS  # noqa: E402
from extreme3d_ros.messages.state import FaceState  # noqa: E402
from extreme3d_ros.messages.transform import TFMessage  # noqa: E402
from extreme3d_ros.nodes.completion_node import CompletionNode  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.image_source import ImageSource  # noqa: E402
from extreme3d_ros.nodes.qos import MESH  # noqa: E402

POLICY = Path(__file__).parent.parent / "sros2" / "extreme3d_policy.xml"
ARGUMENTS = {
    "face_node": ("/face", *CAMERA),
    "completion_node": ("/face",),
    "image_source": ("/camera",),
}
MAKE = {"face_node": FaceNode, "completion_node": CompletionNode, "image_source": ImageSource}
#: Allowed, and not used by the nodes as they run here.
AT_OTHER_TIMES = {("subscribe", "/camera/image_raw/compressed")}  # with image_transport compressed
if not FaceState:
    AT_OTHER_TIMES.add(("publish", "/face/state"))
#: What the ids of several faces stand for in topics' names.
ANY_FACE = "faces/*/"
if not TFMessage:
    AT_OTHER_TIMES.add(("publish", "/tf"))


def enclaves():
    """The profiles by node, by enclave."""
    found = ElementTree.parse(POLICY).findall("enclaves/enclave")
    return {enclave.get("path"): {p.get("node"): p for p in enclave.iter("profile")} for enclave in found}


def profiles():
    return [profile for enclave in enclaves().values() for profile in enclave.values()]


def resolved(profile, expression):
    """The name that an expression of the policy stands for, by SROS2's rules."""
    namespace = profile.get("ns").rstrip("/")
    if expression.startswith("~"):
        return f"{namespace}/{profile.get('node')}{expression[1:]}"
    return expression if expression.startswith("/") else f"{namespace}/{expression}"


def allowed(profile):
    """Pairs of what may be done and to which topic or service."""
    return {(action, resolved(profile, entry.text)) for rules in profile for action in rules.attrib for entry in rules}


def done(node, name, namespace):
    """The same of a node that runs, as the ROS graph shows it."""
    ways = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    return {(action, found) for action, ask in ways.items() for found, _ in ask(name, namespace)}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_node_may_do_what_it_does_and_no_more(make_bench, name):
    namespace, *remappings = ARGUMENTS[name]
    bench = make_bench("-r", f"{name}:__ns:={namespace}", *remappings, use_sim_time="true")
    node = bench.add(MAKE[name]())
    if name != "image_source":
        node.autostart()
    bench.listen(Marker, "/face/mesh", MESH)  # unwatched, completion_node subscribes to nothing
    wanted = allowed(enclaves()[f"/extreme3d/{name}"][name]) - AT_OTHER_TIMES
    wanted = {(action, topic) for action, topic in wanted if ANY_FACE not in topic}

    def graph():
        return done(bench.node, name, namespace)

    assert bench.wait(lambda: graph() == wanted), (wanted - graph(), graph() - wanted)


def test_nothing_is_denied_by_name_or_allowed_by_pattern_but_for_ids():
    """A denial would be a hole's patch; a pattern allows what nobody thought of."""
    rules = [rule for profile in profiles() for rule in profile]
    assert {value for rule in rules for value in rule.attrib.values()} == {"ALLOW"}
    names = [entry.text.removeprefix(ANY_FACE) for rule in rules for entry in rule]
    assert not [name for name in names if set(name) & set("*?[]")]


def test_of_each_face_the_same_is_allowed_as_of_the_chosen_one():
    for profile in profiles():
        for rule in profile.findall("topics"):
            names = [entry.text for entry in rule]
            below_ids = [name.removeprefix(ANY_FACE) for name in names if name.startswith(ANY_FACE)]
            of_faces = {*TOPICS, "state", "mesh", "bump_map_filled"}
            assert below_ids == [name for name in names if name in of_faces]


def test_each_executable_has_an_enclave_by_its_name():
    held = {name: [name] for name in ARGUMENTS} | {"face_container": ["face_node", "completion_node"]}
    assert {path: list(nodes) for path, nodes in enclaves().items()} == {
        f"/extreme3d/{name}": nodes for name, nodes in held.items()
    }


@pytest.mark.parametrize("name", ["face_node", "completion_node"])
def test_a_node_may_do_the_same_in_the_container(name):
    alone, contained = (enclaves()[f"/extreme3d/{where}"][name] for where in (name, "face_container"))
    assert allowed(alone) == allowed(contained)


def test_sros2_accepts_the_policy():
    policy = pytest.importorskip("sros2.policy", reason="sros2 is not installed")
    policy.load_policy(POLICY)
