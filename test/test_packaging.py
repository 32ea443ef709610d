"""What package.xml, CMakeLists.txt, setup.py, the parameter file and RViz's view say, against what the code does."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
PACKAGE = ElementTree.parse(REPOSITORY / "package.xml").getroot()

ROS_PACKAGE = (
    r"^\s*(?:from|import) (rclpy|tf2_\w+|launch\w*|ament_index_python|cv_bridge|\w+_msgs|\w+_interfaces|std_srvs)\b"
)


def text(name):
    return (REPOSITORY / name).read_text()


def imports(*folders):
    """The ROS packages that the Python files of some folders import."""
    sources = (path.read_text() for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return {name for source in sources for name in re.findall(ROS_PACKAGE, source, re.MULTILINE)}


def test_package_xml_names_every_ros_package_that_is_imported():
    needed = imports("extreme3d_ros", "launch")
    assert {"rclpy", "sensor_msgs", "launch_ros"} <= needed
    # Kilted has no hri_msgs.
    assert needed - {"hri_msgs"} <= {tag.text for tag in PACKAGE if tag.tag in ("depend", "exec_depend")}


def test_version_and_licence_are_the_same_everywhere():
    version = PACKAGE.findtext("version")
    assert f'version="{version}"' in text("setup.py")
    assert f'__version__ = "{version}"' in text("extreme3d_ros/__init__.py")
    assert f'license="{PACKAGE.findtext("license")}"' in text("setup.py")


def test_colcon_and_pip_install_the_same_executables():
    pip = dict(re.findall(r'"(\w+) = (extreme3d_ros[\w.]+):main"', text("setup.py")))
    colcon = dict(re.findall(r"install_executable\((\w+) (extreme3d_ros[\w.]+)\)", text("CMakeLists.txt")))
    assert colcon == pip
    assert all((REPOSITORY / module.replace(".", "/")).with_suffix(".py").exists() for module in pip.values())


@pytest.mark.parametrize("node", ["face_node", "completion_node"])
def test_the_parameter_file_gives_every_parameter_with_its_default(node):
    pytest.importorskip("rclpy")
    from importlib import import_module

    settings = import_module(f"extreme3d_ros.nodes.{node}").SETTINGS
    given = yaml.safe_load(text("config/face.yaml"))[f"/**/{node}"]["ros__parameters"]
    assert given == {setting.name: setting.default for setting in settings}


def displays():
    """RViz's displays by topic."""
    view = yaml.safe_load(text("rviz/face.rviz"))["Visualization Manager"]
    return {display["Topic"]["Value"]: display for display in view["Displays"]}


def test_rviz_shows_mesh_crop_bump_mask_and_pose_by_displays_of_their_types():
    pytest.importorskip("rclpy")
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import Marker

    from extreme3d_ros.messages.observation import TOPICS

    kinds = {f"/face/{topic}": kind for topic, kind in (TOPICS | {"mesh": Marker, "bump_map_filled": Image}).items()}
    # RViz's names for the displays of these types, in rviz_default_plugins/plugins_description.xml.
    plugins = {"Marker": "Marker", "Image": "Image", "PoseStamped": "Pose", "PointCloud2": "PointCloud2"}
    shown = displays()
    assert {f"/face/{topic}" for topic in ("mesh", "crop/image", "bump_map", "mask", "pose")} <= set(shown)
    for topic, display in shown.items():
        assert display["Class"] == f"rviz_default_plugins/{plugins[kinds[topic].__name__]}"
        assert display["Enabled"] is True


def test_rviz_asks_for_the_quality_of_service_that_the_nodes_offer():
    durability = {topic: display["Topic"]["Durability Policy"] for topic, display in displays().items()}
    assert durability.pop("/face/mesh") == "Transient Local"  # who comes late sees the last mesh
    assert set(durability.values()) == {"Volatile"}
    depth = {topic: display["Topic"]["Depth"] for topic, display in displays().items()}
    assert depth.pop("/face/mesh") > 1  # of several faces one's DELETE must not give way to another's ADD
    assert set(depth.values()) == {1}
