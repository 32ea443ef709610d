"""Brings up face_node and completion_node; `--show-args` tells what can be set."""

# ruff: noqa: I001  (beside a folder named launch it takes the package launch for ours)
import posixpath

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "extreme3d_ros"
SHARE = FindPackageShare(PACKAGE)
BOOLEAN = ["true", "false"]

ARGUMENTS = [
    DeclareLaunchArgument("image_topic", default_value="/camera/image_raw", description="The camera's images."),
    DeclareLaunchArgument(
        "camera_info", default_value="", description="The camera's calibration. Empty: camera_info beside image_topic."
    ),
    DeclareLaunchArgument("namespace", default_value="face", description="Namespace of nodes, topics and services."),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "face.yaml"]),
        description="File of parameters for both nodes.",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEAN, description="Start RViz too."),
    DeclareLaunchArgument("fixed_frame", default_value="camera", description="RViz's fixed frame: the camera's."),
    DeclareLaunchArgument("use_sim_time", default_value="false", choices=BOOLEAN, description="Take time from /clock."),
    DeclareLaunchArgument("respawn", default_value="true", choices=BOOLEAN, description="Restart a node that died."),
    DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal."),
]

# Left empty they are as in the parameter file.
PROFILE = DeclareLaunchArgument(
    "profile",
    default_value="",
    choices=["", "default", "shading", "extreme3d"],
    description="What both nodes run with.",
)
OVERRIDES = {
    "face_node": [
        PROFILE,
        DeclareLaunchArgument(
            "image_transport", default_value="", choices=["", "raw", "compressed"], description="How images come."
        ),
        DeclareLaunchArgument(
            "reliability",
            default_value="",
            choices=["", "best_effort", "reliable"],
            description="Reliability of the image subscription.",
        ),
    ],
    "completion_node": [
        PROFILE,
        DeclareLaunchArgument(
            "coloring", default_value="", choices=["", "shaded", "texture", "plain"], description="The mesh in RViz."
        ),
        DeclareLaunchArgument("ply_dir", default_value="", description="Folder for PLY files."),
        DeclareLaunchArgument(
            "references", default_value="", description="Folder of a gallery to fill holes from, or none."
        ),
    ],
}


def generate_launch_description() -> LaunchDescription:
    overrides = {argument.name: argument for arguments in OVERRIDES.values() for argument in arguments}
    return LaunchDescription([*ARGUMENTS, *overrides.values(), OpaqueFunction(function=nodes), rviz()])


def nodes(context: LaunchContext) -> list[Node]:
    """The two nodes."""
    image_topic = LaunchConfiguration("image_topic").perform(context)
    camera_info = LaunchConfiguration("camera_info").perform(context)
    sibling = posixpath.join(posixpath.dirname(image_topic), "camera_info")
    remappings = [("image_raw", image_topic), ("camera_info", camera_info or sibling)]
    return [node(context, "face_node", remappings), node(context, "completion_node", [])]


def node(context: LaunchContext, name: str, remappings: list[tuple[str, str]]) -> Node:
    """One of the nodes: the parameter file, and over it what the launch arguments say."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in OVERRIDES[name]}
    overrides = {key: value for key, value in given.items() if value}
    overrides["use_sim_time"] = LaunchConfiguration("use_sim_time").perform(context) == "true"
    return Node(
        package=PACKAGE,
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), overrides],
        remappings=remappings,
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
        respawn=LaunchConfiguration("respawn"),
        respawn_delay=2.0,
    )


def rviz() -> Node:
    """RViz with the package's view; its topics are those of the namespace `face`."""
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=[
            "--display-config",
            PathJoinSubstitution([SHARE, "rviz", "face.rviz"]),
            "--fixed-frame",
            LaunchConfiguration("fixed_frame"),
        ],
        parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
