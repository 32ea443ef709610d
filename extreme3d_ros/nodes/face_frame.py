"""The head as a frame of TF."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from extreme3d_ros.messages.transform import TFMessage, face_transform
from extreme3d_ros.records import Observation

#: tf2's own.
_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


class FaceFrame:
    """Broadcasts what is observed anyway: almost every ROS machine has listeners of /tf, and they want other frames.

    state: what becomes of it, for people to read.
    """

    def __init__(self, node: LifecycleNode):
        self._node = node
        self._publisher = node.create_lifecycle_publisher(TFMessage, "/tf", _QOS) if TFMessage else None
        self.state = "no face yet" if TFMessage else "off: tf2_msgs is not installed"

    def send(self, frame: str, seen: Observation, header: Header) -> None:
        """Broadcasts an observed head as `frame`; "" broadcasts nothing."""
        if self._publisher is None:
            return
        if not frame or not header.frame_id:
            self.state = "off: images have no frame_id" if frame else "off: tf_frame is empty"
            return
        self.state = f"{header.frame_id} to {frame}"
        if self._publisher.get_subscription_count():
            transform = face_transform(seen.foundation.R, seen.foundation.t, header, frame)
            self._publisher.publish(TFMessage(transforms=[transform]))

    def close(self) -> None:
        """Ends it."""
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)
            self._publisher = None
