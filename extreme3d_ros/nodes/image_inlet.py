"""face_node's images: what comes of them, and the camera's calibration that they are read with."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.camera_info import camera_info_to_calibration
from extreme3d_ros.messages.images import compressed_to_bgr, image_to_bgr
from extreme3d_ros.messages.reading import message_of
from extreme3d_ros.messages.stamps import STAMP_END
from extreme3d_ros.nodes.lens import Lens
from extreme3d_ros.nodes.managed import STEADY, ManagedNode
from extreme3d_ros.nodes.qos import NEWEST
from extreme3d_ros.records import Frame

#: Seconds without an image after which the node warns.
PATIENCE = 5.0
#: Seconds between two lines on what the camera is: sizes and calibrations may change with every image.
_THROTTLE = 5.0

_TRANSPORTS = {
    "raw": ("", Image, image_to_bgr),
    "compressed": ("/compressed", CompressedImage, compressed_to_bgr),
}

#: Seconds between two images that are taken although nobody wants them, to know that the camera lives.
_IDLE_PERIOD = 1.0
#: Seconds between two looks whether somebody wants images again.
_LOOK_PERIOD = 0.1


class _When(CallbackGroup):
    """Has the executor leave a subscription's messages in the middleware until something is so."""

    def __init__(self, ready: Callable[[], bool]):
        super().__init__()
        self._ready = ready

    def can_execute(self, entity: object) -> bool:
        return self._ready()

    def beginning_execution(self, entity: object) -> bool:
        return True

    def ending_execution(self, entity: object) -> None:
        pass


class ImageInlet:
    """Subscribes to `image_raw` and `camera_info` by the node's parameters image_transport and reliability.

    An image stays in the middleware's queue of one, where the next overtakes it uncopied, until it can be worked on:
    taken into Python, 60 images of 1920 x 1080 a second cost a quarter of a core although most are dropped
    (benchmarks/load.py). So after each image the next is taken when `more` was called, and while nobody wants any,
    one a second.

    take: is called, by the executor, with each image taken, still serialized, and when it came (time.monotonic).
    wanted: whether images are wanted now. topic: the images' full name; frames: how many came; dropped: how many of
    those were overtaken, by the sender's count.
    """

    def __init__(self, node: ManagedNode, take: Callable[[bytes, float], None], wanted: Callable[[], bool]):
        suffix, self._kind, self._decode = _TRANSPORTS[node.settings["image_transport"]]
        # A remapping of `image_raw` doesn't reach names below it, so the topic is put together here.
        self.topic = node.resolve_topic_name("image_raw") + suffix
        self.frames = self.dropped = self._number = 0
        self._node, self._take, self._wanted = node, take, wanted
        self._free, self._last = True, time.monotonic()
        self._lens, self._told = Lens(), ""
        self._last_info, self._refused = b"", ""
        reliability = node.settings["reliability"]
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability.upper()])
        when = _When(self._ready)
        self._inputs = [
            node.create_subscription(self._kind, self.topic, self._take_image, qos, raw=True, callback_group=when),
            node.create_subscription(CameraInfo, "camera_info", self._take_camera_info, NEWEST, raw=True),
        ]
        # Wakes the executor, which then asks `_ready` anew.
        self._look = node.create_timer(_LOOK_PERIOD, lambda: None, clock=STEADY)
        node.get_logger().info(f"waiting for images on {self.topic} ({reliability}, depth 1)")

    @property
    def camera(self) -> str:
        """What the last frame's camera was taken from, and why not from a newer camera_info, for people to read."""
        return "; ".join(filter(None, [self._lens.state, self._refused]))

    @property
    def silence(self) -> str:
        """A line where no image came for `PATIENCE` seconds; else empty."""
        if not self._free or (lasted := time.monotonic() - self._last) <= PATIENCE:
            return ""
        publishers = self._node.count_publishers(self.topic)
        advice = "check that they send, and parameter reliability" if publishers else "check the camera and its topic"
        return f"no image for {lasted:.0f} s on {self.topic} (publishers: {publishers}); {advice}"

    def read(self, serialized: bytes) -> tuple[Frame, Header]:
        """An image as a frame, by the newest calibration. Raises InputError where it is none that we know."""
        message = message_of(serialized, self._kind)
        frame = self._lens(self._decode(message))
        state, log = self._lens.state, self._node.get_logger()
        if state != self._told and log.info(f"camera: {state}", throttle_duration_sec=_THROTTLE):
            self._told = state
        return frame, message.header

    def more(self) -> None:
        """Lets the next image come. From any thread, also when this has been closed."""
        self._last, self._free = time.monotonic(), True  # in this order: the executor reads them in the other
        if executor := self._node.executor:
            executor.wake()  # asks `_ready` anew

    def close(self) -> None:
        """Ends the subscriptions."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)
        self._node.destroy_timer(self._look)

    def _ready(self) -> bool:
        return self._free and (self._wanted() or time.monotonic() - self._last > _IDLE_PERIOD)

    def _take_image(self, serialized: bytes, info: MessageInfo) -> None:
        overtaken = self._overtaken(info["publication_sequence_number"] or 0)
        self.dropped += overtaken
        self.frames += 1 + overtaken
        now = time.time_ns()
        waited = max(now - (info["received_timestamp"] or now), 0) * 1e-9  # 0: the middleware doesn't tell
        self._free = False
        self._take(serialized, time.monotonic() - waited)

    def _overtaken(self, number: int) -> int:
        """How many images came since the last that was taken, by the sender's number of this one; 0: it isn't told."""
        before, self._number = self._number, number
        # A new sender begins anew, and the numbers of several say nothing.
        told = 0 < before < number - 1 and self._node.count_publishers(self.topic) < 2
        return number - 1 - before if told else 0

    def _take_camera_info(self, serialized: bytes) -> None:
        said = serialized[STAMP_END:]
        if said != self._last_info:  # the same with every image
            self._last_info = said
            self._node.attempt(lambda: self._learn(serialized))

    def _learn(self, serialized: bytes) -> None:
        try:
            self._lens.learn(camera_info_to_calibration(message_of(serialized, CameraInfo)))
            self._refused = ""
        except InputError as error:
            self._refused = f"not taken: {error}"
            raise InputError(f"{error}; until then the camera stays as it was") from error
