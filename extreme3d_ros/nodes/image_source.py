"""image_source: an image, a video or a camera as `image_raw` and `camera_info`, for trying things out.

Published: `image_raw` (sensor_msgs/Image, bgr8), `camera_info` (sensor_msgs/CameraInfo, assumed intrinsics).
Parameters: see SETTINGS, or `ros2 param describe`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import cycle, repeat

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError
from extreme3d_ros.input.films import Video, Webcam, is_video
from extreme3d_ros.input.images import demo_image, files_of, read_image
from extreme3d_ros.messages.camera_info import camera_to_camera_info
from extreme3d_ros.messages.images import layer_to_image
from extreme3d_ros.messages.stamps import stamped
from extreme3d_ros.nodes.managed import STEADY
from extreme3d_ros.nodes.running import run
from extreme3d_ros.nodes.settings import Setting, Settings

SETTINGS = [
    Setting(
        "source",
        "astronaut",
        "an image, a folder of images, a video (shown over and over), a camera's number, or 'astronaut', the picture "
        "that comes with scikit-image",
    ),
    Setting(
        "rate",
        0.0,
        "images a second; 0: as fast as a video or camera gives them, 15 of stills",
        limits=(0, 1000),
        live=True,
    ),
    Setting("frame_id", "camera", "frame of the images; REP-103 optical"),
]

#: Images a second, unless it is said.
_STILLS = 15.0

# Reliable, which serves subscribers of both kinds.
_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class ImageSource(Node):
    """Sends images at a steady rate. Raises InputError where the source can't be read."""

    def __init__(self):
        super().__init__("image_source")
        self._settings = settings = Settings(self, SETTINGS)
        self._images, self._own_rate = images(settings["source"])
        self._image = next(self._images)
        self._frame_id = settings["frame_id"]
        self._sent = None
        self._image_publisher = self.create_publisher(Image, "image_raw", _QOS)
        self._info_publisher = self.create_publisher(CameraInfo, "camera_info", _QOS)
        height, width = self._image.shape[:2]
        topic = self.resolve_topic_name("image_raw")
        self.get_logger().info(f"sending {settings['source']}, {width} x {height}, to {topic}")
        settings.fixed = True
        self._timer = self.create_timer(1 / self._rate, self._send, clock=STEADY)

    @property
    def _rate(self) -> float:
        return self._settings["rate"] or self._own_rate

    def _send(self) -> None:
        period = round(1e9 / self._rate)
        if period != self._timer.timer_period_ns:
            self._timer.timer_period_ns = period
        if self._image is not self._sent:  # a still image is serialized once
            self._sent = self._image
            height, width = self._image.shape[:2]
            header = Header(frame_id=self._frame_id)
            messages = layer_to_image(self._image, header), camera_to_camera_info(Camera.assumed(width, height), header)
            self._serialized = [bytearray(serialize_message(message)) for message in messages]
        stamp = self.get_clock().now().to_msg()
        self._image_publisher.publish(stamped(self._serialized[0], stamp))
        self._info_publisher.publish(stamped(self._serialized[1], stamp))
        self._image = next(self._images)


def images(source: str) -> tuple[Iterator[np.ndarray], float]:
    """Endless BGR images of a source, the same array again and again where it is a still; and how many a second.

    Raises InputError where it can't be read.
    """
    if source == "astronaut":
        return repeat(demo_image()), _STILLS
    if source.isdecimal():
        camera = Webcam(int(source))
        return iter(camera), camera.rate
    if os.path.isdir(source):  # pathlib's own raises where a name is too long
        return map(read_image, cycle(files_of(source))), _STILLS
    if is_video(source):
        video = Video(source)
        return _over_and_over(video), video.rate
    return repeat(read_image(source)), _STILLS


def _over_and_over(video: Video) -> Iterator[np.ndarray]:
    while True:
        count = 0
        for count, (_, image) in enumerate(video, 1):  # noqa: B007
            yield image
        if not count:
            raise InputError(f"{video.path} gives no images")


def main(args: list[str] | None = None) -> int:
    """The executable. Exit status 2 where the source can't be read."""
    return run(lambda: [ImageSource()], args)


if __name__ == "__main__":
    sys.exit(main())
