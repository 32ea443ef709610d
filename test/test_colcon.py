"""The package as colcon builds it: with ROS 2 as wheels (`.ci/colcon` makes the venv), and with what the system has."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
WHEELS = REPOSITORY / ".venv" / "colcon"
NODES = {"face_node": "profile:=none", "completion_node": "profile:=none", "image_source": "rate:=fast"}

FACE_STATE_TRAVELS = """
from rclpy.serialization import deserialize_message, serialize_message
from extreme3d_ros.messages.state import FaceState
sent = FaceState(id="abcde", shape=[1.5, -2.0], confidence=0.25, bbox=[1.0, 2.0, 3.0, 4.0])
assert deserialize_message(serialize_message(sent), FaceState) == sent
"""


def toolchain(name):
    """colcon's Python and the environment to build in; skips where there is none."""
    if name == "wheels":
        python = WHEELS / "bin" / "python"
        prefixes = {"AMENT_PREFIX_PATH": str(WHEELS), "CMAKE_PREFIX_PATH": str(WHEELS), "ROS_DISTRO": "kilted"}
        environment = os.environ | prefixes | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    else:
        python, environment = Path("/usr/bin/python3"), dict(os.environ)
    needed = [python, "-c", "import colcon_cmake, colcon_ros"]
    if not python.exists() or subprocess.run(needed, capture_output=True).returncode:
        pytest.skip(f"{python} has no colcon with colcon-ros and colcon-cmake")
    prefixes = [*environment.get("AMENT_PREFIX_PATH", "").split(":"), "/usr"]
    if not any(prefix and Path(prefix, "share", "ament_cmake").is_dir() for prefix in prefixes):
        pytest.skip("ament_cmake is not installed, or ROS 2 not sourced")
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    return python, environment


class Workspace:
    """A built workspace. install: the package's prefix; environment: what sourcing it leaves in a shell."""

    def __init__(self, folder, python, environment):
        unneeded = shutil.ignore_patterns(".*", "__pycache__", "build", "install", "log", "out", "test", "training")
        shutil.copytree(REPOSITORY, folder / "src" / "extreme3d_ros", ignore=unneeded)
        build = [python, "-m", "colcon", "build", "--cmake-args", f"-DPython3_EXECUTABLE={python}"]
        done = subprocess.run(build, env=environment, cwd=folder, capture_output=True, text=True)
        self.log = done.stdout + done.stderr
        assert done.returncode == 0, self.log
        self.install = folder / "install" / "extreme3d_ros"
        self.share = self.install / "share" / "extreme3d_ros"
        (self.package,) = self.install.glob("lib/python*/*-packages/extreme3d_ros")
        self.has_generators = "rosidl_default_generators is not here" not in self.log
        self.environment = self._sourced(folder / "install")

    @staticmethod
    def _sourced(install):
        clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "AMENT_PREFIX_PATH")}
        source = f"COLCON_CURRENT_PREFIX={install} . {install}/local_setup.sh && env -0"
        output = subprocess.run(["sh", "-c", source], env=clean, capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in output.split("\0") if line)

    def run(self, *arguments):
        """This Python, which has the package's requirements, on a command of the sourced workspace."""
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=self.environment, cwd=self.install, capture_output=True, text=True)


@pytest.fixture(scope="module", params=["wheels", "system"])
def workspace(request, tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp(request.param), *toolchain(request.param))


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def test_every_module_and_data_file_is_installed(workspace):
    installed = files(workspace.package)
    ours = files(REPOSITORY / "extreme3d_ros")
    assert len([name for name in ours if name.startswith("data/")]) > 5
    assert {name for name, content in ours.items() if installed.get(name) != content} == set()


@pytest.mark.parametrize("folder", ["config", "launch", "rviz", "sros2"])
def test_what_ros2_launch_needs_is_in_share(workspace, folder):
    assert files(workspace.share / folder) == files(REPOSITORY / folder) != {}


def test_ament_and_sourcing_find_the_package(workspace):
    assert (workspace.share / "package.xml").exists()
    assert (workspace.install / "share/ament_index/resource_index/packages/extreme3d_ros").exists()
    done = workspace.run("-c", "import extreme3d_ros; print(extreme3d_ros.__path__[0])")
    assert done.stdout.strip() == str(workspace.package), done.stderr


def test_the_executables_are_those_of_pip(workspace):
    executables = list((workspace.install / "lib/extreme3d_ros").iterdir())
    setup = (REPOSITORY / "setup.py").read_text()
    assert {f'"{path.name} = ' for path in executables} == {
        line.strip().split("extreme3d_ros.")[0] for line in setup.splitlines() if ":main" in line
    }
    assert all(os.access(path, os.X_OK) for path in executables)


def test_the_command_line_runs_from_the_install(workspace):
    done = workspace.run(workspace.install / "lib/extreme3d_ros/extreme3d", "models", "verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("node", NODES)
def test_the_nodes_run_from_the_install(workspace, node):
    pytest.importorskip("rclpy")
    executable = workspace.install / "lib/extreme3d_ros" / node
    done = workspace.run(executable, "--ros-args", "-p", NODES[node])
    assert (done.returncode, "must be" in done.stderr) == (2, True), done.stderr


def test_the_interface_is_built_where_its_generators_are(workspace):
    assert workspace.has_generators == (workspace.package / "msg" / "_face_state.py").exists()
    if not workspace.has_generators:
        pytest.skip("no rosidl generators here: the rest of the package is built without them")
    pytest.importorskip("rclpy")
    done = workspace.run("-c", FACE_STATE_TRAVELS)
    assert done.returncode == 0, done.stderr
