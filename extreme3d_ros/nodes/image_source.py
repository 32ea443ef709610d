"""image_source: an image, a video or a camera as `image_raw` and `camera_info`, for trying things out.

Published: `image_raw` (sensor_msgs/Image, bgr8), `camera_info` (sensor_msgs/CameraInfo, assumed intrinsics).
Parameters: see SETTINGS, or `ros2 param describe`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import InputError
from extreme3d_ros.input.images import demo_image, read_image
from extreme3d_ros.messages.camera_info import camera_to_camera_info
from extreme3d_ros.messages.images import layer_to_image
from extreme3d_ros.nodes.managed import STEADY, run
from extreme3d_ros.nodes.settings import Setting, Settings

SETTINGS = [
    Setting(
        "source",
        "astronaut",
        "an image, a folder of images, a video (shown over and over), a camera's number, or 'astronaut', the picture "
        "that comes with scikit-image",
    ),
    Setting("rate", 15.0, "images a second", limits=(0.01, 1000)),
    Setting("frame_id", "camera", "frame of the images; REP-103 optical"),
    Setting("width", 0, "images are resized to this width; 0: as they are", limits=(0, 10_000)),
]

_VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"}

# Reliable, which serves subscribers of both kinds.
_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class ImageSource(Node):
    """Sends images at a fixed rate. Raises InputError where the source can't be read."""

    def __init__(self):
        super().__init__("image_source")
        settings = Settings(self, SETTINGS)
        self._images = images(settings["source"], settings["width"])
        self._image = next(self._images)
        self._frame_id = settings["frame_id"]
        self._sent = None
        self._image_publisher = self.create_publisher(Image, "image_raw", _QOS)
        self._info_publisher = self.create_publisher(CameraInfo, "camera_info", _QOS)
        height, width = self._image.shape[:2]
        topic = self.resolve_topic_name("image_raw")
        self.get_logger().info(f"sending {settings['source']}, {width} x {height}, to {topic}")
        settings.fixed = True
        self.create_timer(1 / settings["rate"], self._send, clock=STEADY)

    def _send(self) -> None:
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


def stamped(serialized: bytearray, stamp: Time) -> bytes:
    """A serialized message that begins with a Header, with another stamp."""
    struct.pack_into("<iI" if serialized[1] & 1 else ">iI", serialized, 4, stamp.sec, stamp.nanosec)
    return bytes(serialized)


def images(source: str, width: int = 0) -> Iterator[np.ndarray]:
    """Endless BGR images of a source; the same array again and again where it is a still."""
    path = Path(source)
    if source == "astronaut":
        return _forever([_resized(demo_image(), width)])
    if source.isdecimal():
        return (_resized(image, width) for image in _captured(int(source), f"camera {source}", loop=False))
    if path.is_dir():
        return _folder(path, width)
    if path.suffix.lower() in _VIDEOS:
        return (_resized(image, width) for image in _captured(source, source, loop=True))
    return _forever([_resized(read_image(path), width)])


def _forever(stills: list[np.ndarray]) -> Iterator[np.ndarray]:
    while True:
        yield from stills


def _folder(path: Path, width: int) -> Iterator[np.ndarray]:
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"the folder {path} is empty; put images there")
    while True:
        yield from (_resized(read_image(file), width) for file in files)


def _captured(source: str | int, name: str, loop: bool) -> Iterator[np.ndarray]:
    """The frames of a video or camera."""
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise InputError(f"cannot open {name}; check that it is there and that OpenCV knows its format")
    while True:
        count = 0
        while (frame := capture.read())[0]:
            count += 1
            yield frame[1]
        if not loop or not count:
            raise InputError(f"{name} gives no images any more")
        capture.release()
        capture = cv2.VideoCapture(source)


def _resized(image: np.ndarray, width: int) -> np.ndarray:
    if not width or width == image.shape[1]:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def main(args: list[str] | None = None) -> int:
    """The executable. Exit status 2 where the source can't be read."""
    return run(ImageSource, args)


if __name__ == "__main__":
    sys.exit(main())
