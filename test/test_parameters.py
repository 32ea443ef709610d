"""Every parameter of every node: values out of range and of other types, at the start and live; parameter files."""

import math
import os
import signal

import pytest
import yaml

pytest.importorskip("rclpy")

import rclpy  # noqa: E402
import ros_helpers  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.exceptions import ParameterException  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.nodes import image_source, parameters  # noqa: E402
from extreme3d_ros.nodes.running import run  # noqa: E402
from extreme3d_ros.nodes.settings import Settings  # noqa: E402

NODES = {
    "face_node": parameters.FACE_NODE,
    "completion_node": parameters.COMPLETION_NODE,
    "image_source": image_source.SETTINGS,
}


def wrong_values(setting):
    """Of other types, and beyond what is declared."""
    kind = type(setting.default)
    others = {bool: True, int: 1, float: 1.5, str: "no such thing", list: ["a"]}
    # An integer is taken where a number or a text is meant.
    fine = {float: (float, int), str: (str, int)}.get(kind, (kind,))
    yield from (value for other, value in others.items() if other not in fine)
    if setting.choices:
        yield from ("no such thing", "", setting.default.upper() + " ")
    if setting.needed:
        yield ""
    if setting.limits:
        low, high = setting.limits
        yield from (kind(low) - 1, kind(high) + 1)
        if kind is float:
            yield from (math.nan, math.inf, -math.inf)


CASES = [(name, setting, value) for name, settings in NODES.items() for setting in settings
         for value in wrong_values(setting)]  # fmt: skip


@pytest.fixture(scope="module")
def make_node():
    """Makes nodes, in a context of their own."""
    context = Context()
    rclpy.init(context=context)
    nodes = []

    def make(*overrides):
        nodes.append(Node(f"node{len(nodes)}", context=context, parameter_overrides=list(overrides)))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture(scope="module")
def running(make_node):
    """The settings of each node, at their defaults and not yet read."""
    nodes = {name: make_node() for name in NODES}
    return {name: (nodes[name], Settings(nodes[name], settings)) for name, settings in NODES.items()}


@pytest.mark.parametrize("name", ["face_node", "completion_node"])
def test_the_configuration_file_holds_every_parameter_with_its_default(name):
    content = yaml.safe_load((ros_helpers.REPOSITORY / "config" / "face.yaml").read_text())
    given = content[f"/**/{name}"]["ros__parameters"]
    assert given == {setting.name: setting.default for setting in NODES[name]}


def test_wrong_values_are_refused_at_the_start_by_name(make_node):
    node = make_node()
    for _, setting, value in CASES:
        node._parameter_overrides = {setting.name: Parameter(setting.name, value=value)}
        with pytest.raises((InputError, ParameterException), match=setting.name):
            Settings(node, [setting])
        if node.has_parameter(setting.name):
            node.undeclare_parameter(setting.name)


def test_wrong_values_are_refused_live_with_a_reason(running):
    for name, setting, value in CASES:
        node, settings = running[name]
        (result,) = node.set_parameters([Parameter(setting.name, value=value)])
        assert not result.successful and setting.name in result.reason, (name, setting.name, value, result)
        assert settings[setting.name] == setting.default


def test_what_is_not_live_is_refused_while_it_is_in_use(running):
    for name, settings in NODES.items():
        node, held = running[name]
        held.fixed = True
        for setting in settings:
            (result,) = node.set_parameters([Parameter(setting.name, value=setting.default)])
            assert result.successful == setting.live and setting.name in (result.reason or setting.name)
        held.fixed = False


BAD_FILES = {
    "missing": None,
    "no YAML": b"a: [b",
    "binary": bytes(range(256)),
    "a list": b"- 1\n- 2\n",
    "a type": b"/**:\n  ros__parameters:\n    max_saved: many\n",
    "a range": b"/**:\n  ros__parameters:\n    lost_after: -1.0\n",
    "a folder": "folder",
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_broken_parameter_file_ends_with_status_2_and_one_line(content, tmp_path, capfd):
    path = tmp_path / "face.yaml"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert refused(capfd, completion_node, "--params-file", str(path))


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-p", "nonsense"], ["-r", "__ns:=a b"], ["-p", "ply_dir:=''"]])
def test_wrong_arguments_end_with_status_2_and_one_line(arguments, capfd):
    assert refused(capfd, completion_node, *arguments)


@pytest.mark.parametrize("name, value", [("rate", "fast"), ("rate", -1), ("frame_id", 1.5)])
def test_a_wrong_parameter_ends_with_status_2_and_one_line(name, value, capfd):
    assert name in refused(capfd, image_source.main, "-p", f"{name}:={value}")


@pytest.mark.parametrize("source", ["no_such_file.jpg", "97", "no_such_video.mp4", __file__])
def test_an_unreadable_source_ends_with_status_2_and_one_line(source, capfd):
    assert source in refused(capfd, image_source.main, "-p", f"source:={source}")


def completion_node(arguments):
    from extreme3d_ros.nodes.completion_node import CompletionNode

    return run(lambda: [CompletionNode(make=pytest.fail)], [*arguments, "-p", "autostart:=false"])


def refused(capfd, main, *arguments):
    """The line with which an executable refuses to start with these arguments of ROS."""
    before = signal.getsignal(signal.SIGINT), dict(os.environ)
    try:
        assert main(["--ros-args", *arguments]) == 2
    finally:
        signal.signal(signal.SIGINT, before[0])
        os.environ.clear()
        os.environ.update(before[1])
    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("extreme3d: "))
    return line
