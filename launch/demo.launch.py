"""face.launch.py with a picture, a video or a webcam in the camera's place; `--show-args` tells what can be set."""

# ruff: noqa: I001  (beside a folder named launch it takes the package launch for ours)
import posixpath

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "extreme3d_ros"

ARGUMENTS = [
    DeclareLaunchArgument(
        "source",
        default_value="astronaut",
        description="An image, a folder of images, a video, a camera's number, or astronaut: scikit-image's picture.",
    ),
    DeclareLaunchArgument("rate", default_value="15.0", description="Images a second."),
    # face.launch.py finds it set: best effort loses large images between busy processes of one machine.
    DeclareLaunchArgument(
        "reliability",
        default_value="reliable",
        choices=["best_effort", "reliable"],
        description="Reliability of the image subscription.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    face = PathJoinSubstitution([FindPackageShare(PACKAGE), "launch", "face.launch.py"])
    return LaunchDescription([*ARGUMENTS, IncludeLaunchDescription(face), OpaqueFunction(function=image_source)])


def image_source(context: LaunchContext) -> list[Node]:
    """The camera's stand-in, in the namespace of the image topic; without it there is nothing to show."""
    image_topic = LaunchConfiguration("image_topic").perform(context)
    enclaves = LaunchConfiguration("enclaves").perform(context)
    return [
        Node(
            package=PACKAGE,
            executable="image_source",
            name="image_source",
            namespace=posixpath.dirname(image_topic) or "/",
            parameters=[
                {
                    "source": ParameterValue(LaunchConfiguration("source"), value_type=str),
                    "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                    "frame_id": ParameterValue(LaunchConfiguration("fixed_frame"), value_type=str),
                }
            ],
            remappings=[("image_raw", image_topic)],
            ros_arguments=["--enclave", posixpath.join(enclaves, "image_source")] if enclaves else [],
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="image_source has ended"),
        )
    ]
