"""Both launch files as `ros2 launch` runs them, where ROS 2's launch and an install of this package are sourced."""

import os
import tempfile
import unittest
from pathlib import Path

import pytest

# ruff: noqa: I001  (beside a folder named launch it takes the package launch for ours)
pytest.importorskip("launch_testing", reason="ROS 2's launch_testing is not installed")
pytest.importorskip("launch_ros", reason="ROS 2's launch_ros is not installed")
pytest.importorskip("skimage", reason="the astronaut needs scikit-image")

import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
import ros_helpers  # noqa: E402
from ament_index_python.packages import PackageNotFoundError, get_package_share_path  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch_ros.actions import Node  # noqa: E402
from lifecycle_msgs.srv import GetState  # noqa: E402
from rcl_interfaces.srv import GetParameters  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.nodes.qos import MESH  # noqa: E402

try:
    LAUNCH = get_package_share_path("extreme3d_ros") / "launch"
except PackageNotFoundError:
    pytest.skip("extreme3d_ros is not installed where ament looks: source its workspace", allow_module_level=True)


NAMESPACE, CAMERA = "/robot/face", "/robot/eye"
COMMON = {
    "namespace": NAMESPACE,
    "image_topic": f"{CAMERA}/image_raw",
    "reliability": "reliable",
    "profile": "shading",
    "ply_dir": "2024",
    "respawn": "false",
    "enclaves": "/tests",
    "rviz": "true",
}
CASES = [
    ("face.launch.py", "true"),
    ("face.launch.py", "false"),
    ("demo.launch.py", "true"),
]


def put_an_echo_in_rviz_place():
    """An rviz2 that needs no screen: it prints its arguments and ends."""
    prefix = Path(tempfile.mkdtemp())
    executable, marker = prefix / "lib/rviz2/rviz2", prefix / "share/ament_index/resource_index/packages/rviz2"
    for path in (executable, marker):
        path.parent.mkdir(parents=True)
    marker.touch()
    executable.write_text('#!/bin/sh\necho "$@"\n')
    executable.chmod(0o755)
    os.environ["AMENT_PREFIX_PATH"] = f"{prefix}:{os.environ['AMENT_PREFIX_PATH']}"


@pytest.mark.launch_test
@launch_testing.parametrize("launch_file, autostart", CASES)
def generate_test_description(launch_file, autostart):
    """The launch file under test; beside face.launch.py a camera."""
    put_an_echo_in_rviz_place()
    arguments = {**COMMON, "autostart": autostart}
    actions = [IncludeLaunchDescription(str(LAUNCH / launch_file), launch_arguments=arguments.items())]
    if launch_file == "face.launch.py":
        actions.append(Node(package="extreme3d_ros", executable="image_source", namespace=CAMERA))
    return LaunchDescription([*actions, launch_testing.actions.ReadyToTest()])


class TestLaunchedNodes(unittest.TestCase):
    def setUp(self):
        self.listener = ros_helpers.Listener()

    def tearDown(self):
        self.listener.close()

    def ask(self, kind, node, service, **request):
        """A service's answer; asked again, as a server that doesn't yet know who asks drops its answer."""
        for _ in range(5):
            try:
                return self.listener.call(kind, f"{NAMESPACE}/{node}/{service}", kind.Request(**request), 15)
            except AssertionError as error:
                missed = error
        raise missed

    def state(self, node):
        return self.ask(GetState, node, "get_state").current_state.label

    def parameters(self, node, *names):
        return [value.string_value for value in self.ask(GetParameters, node, "get_parameters", names=names).values]

    def test_a_mesh_comes_if_and_only_if_the_nodes_start_by_themselves(self, autostart):
        meshes = self.listener.listen(Marker, f"{NAMESPACE}/mesh", MESH)
        nodes = ["face_node", "completion_node"]
        if autostart == "true":
            assert self.listener.wait(lambda: meshes, 120)
            assert [self.state(node) for node in nodes] == ["active", "active"]
            assert len(meshes[0].points) > 10_000
        else:
            assert [self.state(node) for node in nodes] == ["unconfigured", "unconfigured"]
            self.listener.spin(2)
            assert not meshes

    def test_arguments_override_the_parameter_file(self):
        assert self.parameters("face_node", "profile", "reliability") == ["shading", "reliable"]
        assert self.parameters("completion_node", "profile", "ply_dir") == ["shading", "2024"]

    def test_what_no_argument_names_is_as_the_parameter_file_says(self):
        assert self.parameters("face_node", "image_transport") == ["raw"]
        assert self.parameters("completion_node", "coloring") == ["shaded"]

    def test_each_node_has_its_own_enclave(self):
        def enclaves():
            return {name: at for name, _, at in self.listener.node.get_node_names_and_namespaces_with_enclaves()}

        expected = {name: f"/tests/{name}" for name in ("face_node", "completion_node")}
        assert self.listener.wait(lambda: expected.items() <= enclaves().items(), 60), enclaves()

    def test_rviz_shows_the_topics_of_the_namespace(self, proc_output):
        for topic in ("mesh", "crop/image", "bump_map", "mask", "pose"):
            proc_output.assertWaitFor(f"/face/{topic}:={NAMESPACE}/{topic}", timeout=10, stream="stdout")


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    def test_all_processes_end_well(self, proc_info):
        assert {name.rsplit("-", 1)[0] for name in proc_info.process_names()} == {
            "face_node",
            "completion_node",
            "image_source",
            "rviz2",
        }
        launch_testing.asserts.assertExitCodes(proc_info)
