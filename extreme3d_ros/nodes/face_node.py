"""face_node: the fast path on every frame; observations out.

Subscribed: `image_raw` (sensor_msgs/Image), or `image_raw/compressed` (sensor_msgs/CompressedImage) with parameter
image_transport = compressed; `camera_info` (sensor_msgs/CameraInfo), optional.
Published: the topics of `messages.observation.TOPICS`, and `state` (extreme3d_ros/FaceState) where it is built; all
with the frame's stamp and frame_id; `/diagnostics`.
Services: `enable` (std_srvs/SetBool) pauses and resumes.
Parameters: see SETTINGS, or `ros2 param describe`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from extreme3d_ros.messages.camera_info import camera_info_to_calibration
from extreme3d_ros.messages.images import compressed_to_bgr, image_to_bgr
from extreme3d_ros.messages.observation import TOPICS, Received, observation_to_messages
from extreme3d_ros.messages.state import FaceState, observation_to_state
from extreme3d_ros.nodes.lens import Lens
from extreme3d_ros.nodes.managed import STEADY, ManagedNode, run
from extreme3d_ros.nodes.qos import OBSERVATION
from extreme3d_ros.nodes.settings import PROFILE, Setting
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Face, Observation

SETTINGS = [
    Setting("image_transport", "raw", "how images come", ("raw", "compressed")),
    Setting(
        "reliability",
        "best_effort",
        "reliability of the image subscription; 'reliable' where a network loses fragments of large images",
        ("best_effort", "reliable"),
    ),
    Setting("device", "auto", "what computes; so far the CPU alone, whatever is asked for", ("auto", "cpu", "cuda")),
    Setting("max_faces", 1, "faces observed per frame; the topics carry the largest one", limits=(1, 1)),
    PROFILE,
    Setting("face_model", "", "file of the face model; empty: the profile's"),
]

_TRANSPORTS = {
    "raw": ("", Image, image_to_bgr),
    "compressed": ("/compressed", CompressedImage, compressed_to_bgr),
}
_RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}

ENGINE = "LiteRT and ONNX Runtime, cpu"

#: Seconds without an image after which the node warns.
PATIENCE = 5.0
#: Seconds for which a face is a hint where to look in the next image.
_HINT_LIFE = 0.5


def make_fast_path(profile: str, model_path: str):
    """The fast path of a profile, with the face model of a file; empty: the profile's."""
    # Imported here, not above: this takes seconds, and what is missing shall be told by a node that lives.
    from extreme3d_ros.engines import OnnxEngine

    return fast_path_of(profile, face_model_of(profile, model_path), OnnxEngine)


class FaceNode(ManagedNode):
    """Takes the newest image, observes the face in it, publishes what was seen."""

    def __init__(self, make: Callable = make_fast_path):
        super().__init__("face_node", SETTINGS)
        self._make = make
        self._fast_path = None
        self._outputs = {}
        self._inputs = []
        self._enabled = True
        #: Takes observations beside the topics, on the worker's thread; None: nobody does.
        self.handover: Callable[[Received], None] | None = None
        self.create_service(SetBool, "enable", self._enable)

    def load(self) -> None:
        if self.settings["device"] == "cuda":
            self.get_logger().warning("device 'cuda' was asked for, but this version computes on the CPU alone")
        start = time.monotonic()
        self._fast_path = self._make(self.settings["profile"], self.settings["face_model"])
        self.get_logger().info(f"loaded {ENGINE} in {time.monotonic() - start:.1f} s")
        topics = dict(TOPICS, state=FaceState) if FaceState else TOPICS
        self._outputs = {
            topic: self.create_lifecycle_publisher(kind, topic, OBSERVATION) for topic, kind in topics.items()
        }

    def unload(self) -> None:
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs = {}
        if self._fast_path is not None:
            self._fast_path.close()
            self._fast_path = None

    def start(self) -> None:
        suffix, self._image_type, self._decode = _TRANSPORTS[self.settings["image_transport"]]
        # A remapping of `image_raw` doesn't reach names below it, so the topic is put together here.
        self._image_topic = self.resolve_topic_name("image_raw") + suffix
        reliability = self.settings["reliability"]
        self._lens, self._lens_state, self._last_info = Lens(), "", b""
        self._frames, self._last_image = 0, time.monotonic()
        self._before: tuple[float, Face] | None = None  # stamp and face of the last image with one
        self._worker = NewestWorker(lambda item: self.attempt(lambda: self._observe(*item)), "fast path")
        qos = QoSProfile(depth=1, reliability=_RELIABILITIES[reliability])
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._inputs = [
            self.create_subscription(self._image_type, self._image_topic, self._take_image, qos, raw=True),
            self.create_subscription(CameraInfo, "camera_info", self._take_camera_info, best_effort, raw=True),
        ]
        self._watch = self.create_timer(PATIENCE, self._warn_of_silence, clock=STEADY)
        self.get_logger().info(f"waiting for images on {self._image_topic} ({reliability}, depth 1)")

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        values = {
            "engine": ENGINE,
            "profile": self.settings["profile"],
            "image_topic": self._image_topic,
            "camera": self._lens.state,
            "frames_in": self._frames,
            "dropped": self._worker.dropped,
            "skipped": self.statistics["skipped"],
            "faces": self.statistics["faces"],
        }
        if not self._enabled:
            return DiagnosticStatus.OK, "paused by the service enable", values
        if self._silence() > PATIENCE:
            return DiagnosticStatus.WARN, self._silence_text(), values
        return DiagnosticStatus.OK, "working" if self._watched() else "idle: nobody subscribes", values

    def _take_image(self, serialized: bytes) -> None:
        self._frames += 1
        self._last_image = time.monotonic()
        if self._enabled:
            self._worker.give((serialized, self._last_image))

    def _take_camera_info(self, serialized: bytes) -> None:
        if serialized[_STAMP_END:] == self._last_info:  # the same with every image
            return
        self._last_info = serialized[_STAMP_END:]
        self.attempt(lambda: self._lens.learn(camera_info_to_calibration(deserialize_message(serialized, CameraInfo))))

    def _observe(self, serialized: bytes, arrival: float) -> None:
        """The work on one image."""
        if not self._watched():
            return
        message = deserialize_message(serialized, self._image_type)
        frame = self._lens(self._decode(message))
        self._tell_lens_state()
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        hint = self._before[1] if self._before and 0 <= stamp - self._before[0] < _HINT_LIFE else None
        faces = self._fast_path(frame, self.settings["max_faces"], hint)
        if faces:
            self._before = stamp, faces[0].face
            self.statistics.count("faces")
            self._publish(faces[0], message.header)
        self.statistics.finished((time.monotonic() - arrival) * 1e3, faces[0].timings_ms if faces else {})

    def _publish(self, seen: Observation, header: Header) -> None:
        makers = observation_to_messages(seen, header) | {"state": lambda: observation_to_state(seen, header)}
        for topic, publisher in self._outputs.items():
            if publisher.get_subscription_count():
                publisher.publish(makers[topic]())
        handover = self.handover  # another thread may end it
        if handover is not None:
            handover(Received(header, seen.crop, seen.foundation, seen.layers))

    def _watched(self) -> bool:
        subscribed = any(publisher.get_subscription_count() for publisher in self._outputs.values())
        return subscribed or self.handover is not None

    def _tell_lens_state(self) -> None:
        if self._lens.state != self._lens_state:
            self._lens_state = self._lens.state
            self.get_logger().info(f"camera: {self._lens_state}")

    def _silence(self) -> float:
        return time.monotonic() - self._last_image

    def _silence_text(self) -> str:
        publishers = self.count_publishers(self._image_topic)
        advice = "check that they send, and parameter reliability" if publishers else "check the camera and its topic"
        return f"no image for {self._silence():.0f} s on {self._image_topic} (publishers: {publishers}); {advice}"

    def _warn_of_silence(self) -> None:
        if self._enabled and self._silence() > PATIENCE:
            self.get_logger().warning(self._silence_text())

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        response.success, response.message = True, "working" if request.data else "paused"
        return response


_STAMP_END = 12  # of a serialized message that begins with a Header


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(FaceNode, args)


if __name__ == "__main__":
    sys.exit(main())
