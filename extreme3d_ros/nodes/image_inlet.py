"""face_node's images: what comes of them, and the camera's calibration that they are read with."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from extreme3d_ros.messages.camera_info import camera_info_to_calibration
from extreme3d_ros.messages.images import compressed_to_bgr, image_to_bgr
from extreme3d_ros.nodes.lens import Lens
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.records import Frame

#: Seconds without an image after which the node warns.
PATIENCE = 5.0

_TRANSPORTS = {
    "raw": ("", Image, image_to_bgr),
    "compressed": ("/compressed", CompressedImage, compressed_to_bgr),
}
_RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
_STAMP_END = 12  # of a serialized message that begins with a Header


class ImageInlet:
    """Subscribes to `image_raw` and `camera_info` by the node's parameters image_transport and reliability.

    take: is called, by the executor, with each image as it came, still serialized, and when (time.monotonic).
    topic: the images' full name; frames: how many came.
    """

    def __init__(self, node: ManagedNode, take: Callable[[bytes, float], None]):
        suffix, self._kind, self._decode = _TRANSPORTS[node.settings["image_transport"]]
        # A remapping of `image_raw` doesn't reach names below it, so the topic is put together here.
        self.topic = node.resolve_topic_name("image_raw") + suffix
        self.frames = 0
        self._node, self._take, self._last = node, take, time.monotonic()
        self._lens, self._told, self._last_info = Lens(), "", b""
        reliability = node.settings["reliability"]
        qos = QoSProfile(depth=1, reliability=_RELIABILITIES[reliability])
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._inputs = [
            node.create_subscription(self._kind, self.topic, self._take_image, qos, raw=True),
            node.create_subscription(CameraInfo, "camera_info", self._take_camera_info, best_effort, raw=True),
        ]
        node.get_logger().info(f"waiting for images on {self.topic} ({reliability}, depth 1)")

    @property
    def camera(self) -> str:
        """What the last frame's camera was taken from, for people to read."""
        return self._lens.state

    @property
    def silence(self) -> str:
        """A line where no image came for `PATIENCE` seconds; else empty."""
        lasted = time.monotonic() - self._last
        if lasted <= PATIENCE:
            return ""
        publishers = self._node.count_publishers(self.topic)
        advice = "check that they send, and parameter reliability" if publishers else "check the camera and its topic"
        return f"no image for {lasted:.0f} s on {self.topic} (publishers: {publishers}); {advice}"

    def read(self, serialized: bytes) -> tuple[Frame, Header]:
        """An image as a frame, by the newest calibration. Raises InputError where it is none that we know."""
        message = deserialize_message(serialized, self._kind)
        frame = self._lens(self._decode(message))
        if self._lens.state != self._told:
            self._told = self._lens.state
            self._node.get_logger().info(f"camera: {self._told}")
        return frame, message.header

    def close(self) -> None:
        """Ends the subscriptions."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)

    def _take_image(self, serialized: bytes) -> None:
        self.frames += 1
        self._last = time.monotonic()
        self._take(serialized, self._last)

    def _take_camera_info(self, serialized: bytes) -> None:
        if serialized[_STAMP_END:] == self._last_info:  # the same with every image
            return
        self._last_info = serialized[_STAMP_END:]
        self._node.attempt(lambda: self._learn(serialized))

    def _learn(self, serialized: bytes) -> None:
        self._lens.learn(camera_info_to_calibration(deserialize_message(serialized, CameraInfo)))
