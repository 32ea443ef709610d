"""Brings up face_node and completion_node; `--show-args` tells what can be set."""

# ruff: noqa: I001  (beside a folder named launch it takes the package launch for ours)
import posixpath
import re
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
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
    DeclareLaunchArgument(
        "container",
        default_value="false",
        choices=BOOLEAN,
        description="Both nodes in one process, which saves memory; its enclave is that of face_container.",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEAN, description="Start RViz too."),
    DeclareLaunchArgument("fixed_frame", default_value="camera", description="RViz's fixed frame: the camera's."),
    DeclareLaunchArgument("use_sim_time", default_value="false", choices=BOOLEAN, description="Take time from /clock."),
    DeclareLaunchArgument("respawn", default_value="true", choices=BOOLEAN, description="Restart a node that died."),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="What the nodes log, from this level on.",
    ),
    DeclareLaunchArgument(
        "enclaves",
        default_value="",
        description="Where the nodes' SROS2 enclaves lie, one by each node's name; the policy's: /extreme3d. "
        "Empty: as the environment says.",
    ),
]


def override(name: str, description: str, *choices: str) -> DeclareLaunchArgument:
    """An argument that overrides a parameter; left empty the parameter is as in the parameter file."""
    allowed = ["", *choices] if choices else None
    return DeclareLaunchArgument(name, default_value="", choices=allowed, description=description)


OF_BOTH = [
    override(
        "autostart", "Whether the nodes configure and activate themselves, or a lifecycle manager does.", *BOOLEAN
    ),
    override("profile", "What both nodes run with.", "default", "shading", "extreme3d"),
    override(
        "ros4hri",
        "Work on faces that others track by REP-155, hri_face_detect for one, and publish below /humans too.",
        *BOOLEAN,
    ),
]
OVERRIDES = {
    "face_node": [
        *OF_BOTH,
        override("max_faces", "Faces at work; above 1 each is found below faces/<id>/ too.", *map(str, range(1, 9))),
        override("image_transport", "How images come.", "raw", "compressed"),
        override("reliability", "Reliability of the image subscription.", "best_effort", "reliable"),
        override("device", "What runs the networks.", "auto", "cpu", "cuda", *(f"cuda:{n}" for n in range(8))),
        override("precision", "Of TensorRT's engines.", "fp32", "fp16"),
        override("wait_for_engines", "Whether face_node is configured only when TensorRT's plans are built.", *BOOLEAN),
    ],
    "completion_node": [
        *OF_BOTH,
        override("coloring", "The mesh in RViz.", "shaded", "texture", "plain"),
        override("ply_dir", "Folder for PLY files."),
        override("references", "Folder of a gallery to fill holes from, or none."),
    ],
}


def generate_launch_description() -> LaunchDescription:
    overrides = {argument.name: argument for arguments in OVERRIDES.values() for argument in arguments}
    return LaunchDescription([*ARGUMENTS, *overrides.values(), OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[Node]:
    """The two nodes or the process that holds both, and RViz if it is asked for."""
    image_topic = value(context, "image_topic")
    camera_info = value(context, "camera_info") or posixpath.join(posixpath.dirname(image_topic), "camera_info")
    camera = [("image_raw", image_topic), ("camera_info", camera_info)]
    if value(context, "container") == "true":
        started = [node(context, "face_container", list(OVERRIDES), camera)]
    else:
        started = [node(context, name, [name], remapped, name=name) for name, remapped in zip(OVERRIDES, (camera, []))]
    return [*started, rviz(context)] if value(context, "rviz") == "true" else started


def value(context: LaunchContext, argument: str) -> str:
    return LaunchConfiguration(argument).perform(context)


def kind(argument: DeclareLaunchArgument) -> type:
    """The type of the parameter that an argument overrides."""
    choices = [choice for choice in argument.choices or () if choice]
    if choices == BOOLEAN:
        return bool
    return int if choices and all(choice.isdecimal() for choice in choices) else str


def node(
    context: LaunchContext, executable: str, holds: list[str], remappings: list[tuple[str, str]], **options
) -> Node:
    """An executable that holds one of the nodes or both: the parameter file, and over it what the arguments say."""
    # Typed: as plain text a folder named 2024 would be taken for a number.
    overrides = {
        argument.name: ParameterValue(LaunchConfiguration(argument.name), value_type=kind(argument))
        for name in holds
        for argument in OVERRIDES[name]
        if value(context, argument.name)
    }
    overrides["use_sim_time"] = value(context, "use_sim_time") == "true"
    arguments = ["--log-level", value(context, "log_level")]
    if enclaves := value(context, "enclaves"):
        arguments += ["--enclave", posixpath.join(enclaves, executable)]
    return Node(
        package=PACKAGE,
        executable=executable,
        namespace=value(context, "namespace"),
        parameters=[value(context, "params_file"), overrides],
        remappings=remappings,
        ros_arguments=arguments,
        output="screen",
        emulate_tty=True,
        respawn=value(context, "respawn") == "true",
        respawn_delay=2.0,
        **options,
    )


def rviz(context: LaunchContext) -> Node:
    """RViz with the package's view, whose topics are those of the namespace `face`: they become ours."""
    view = Path(SHARE.perform(context)) / "rviz" / "face.rviz"
    namespace = "/" + value(context, "namespace").strip("/")
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["--display-config", str(view), "--fixed-frame", value(context, "fixed_frame")],
        parameters=[{"use_sim_time": value(context, "use_sim_time") == "true"}],
        remappings=[
            (f"/face/{topic}", posixpath.join(namespace, topic))
            for topic in re.findall(r"Value: /face/(\S+)", view.read_text())
        ],
    )
