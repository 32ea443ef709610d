"""face_node: the fast path on every frame; observations out.

Subscribed: `image_raw` (sensor_msgs/Image), or `image_raw/compressed` (sensor_msgs/CompressedImage) with parameter
image_transport = compressed; `camera_info` (sensor_msgs/CameraInfo), optional.
Published: the topics of `messages.observation.TOPICS`, and `state` (extreme3d_ros/FaceState) where it is built; all
with the frame's stamp and frame_id; the frame `tf_frame` on `/tf` where tf2_msgs is installed; `/diagnostics`.
With parameter ros4hri (REP-155): subscribes to `/humans/faces/tracked` and each `/humans/faces/<id>/roi`, publishes its
topics below `/humans/faces/<id>/` too, and whose face each frame shows as `face_id` (hri_msgs/IdsList).
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

from extreme3d_ros.engines import EngineMaker, Engines
from extreme3d_ros.messages.camera_info import camera_info_to_calibration
from extreme3d_ros.messages.images import compressed_to_bgr, image_to_bgr
from extreme3d_ros.messages.observation import TOPICS, Received, observation_to_messages
from extreme3d_ros.messages.state import FaceState, observation_to_state
from extreme3d_ros.nodes.face_frame import TF_FRAME, FaceFrame
from extreme3d_ros.nodes.following import Following
from extreme3d_ros.nodes.humans import ROS4HRI
from extreme3d_ros.nodes.latency import MAX_LATENCY, lateness
from extreme3d_ros.nodes.lens import Lens
from extreme3d_ros.nodes.managed import STEADY, ManagedNode, run
from extreme3d_ros.nodes.qos import OBSERVATION
from extreme3d_ros.nodes.settings import PROFILE, Setting
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Observation

SETTINGS = [
    Setting("image_transport", "raw", "how images come", ("raw", "compressed")),
    Setting(
        "reliability",
        "best_effort",
        "reliability of the image subscription; 'reliable' where a network loses fragments of large images",
        ("best_effort", "reliable"),
    ),
    Setting(
        "device",
        "auto",
        "what runs the networks: auto is an NVIDIA GPU where there is one and the CPU elsewhere, cuda is cuda:0",
        ("auto", "cpu", "cuda", *(f"cuda:{index}" for index in range(8))),
    ),
    Setting("precision", "fp32", "of TensorRT's engines; others run the networks as they are", ("fp32", "fp16")),
    Setting(
        "wait_for_engines",
        False,
        "configuring ends when TensorRT's plans are built; else the CPU runs the networks until they are",
    ),
    Setting("max_faces", 1, "faces observed per frame; the topics carry the largest one", limits=(1, 1)),
    PROFILE,
    Setting("face_model", "", "file of the face model; empty: the profile's"),
    TF_FRAME,
    ROS4HRI,
    MAX_LATENCY,
]

_TRANSPORTS = {
    "raw": ("", Image, image_to_bgr),
    "compressed": ("/compressed", CompressedImage, compressed_to_bgr),
}
_RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}

#: What runs the detector's networks.
DETECTOR = "LiteRT on cpu"

#: Seconds without an image after which the node warns.
PATIENCE = 5.0


def make_fast_path(profile: str, model_path: str, engines: EngineMaker):
    """The fast path of a profile, with the face model of a file; empty: the profile's."""
    return fast_path_of(profile, face_model_of(profile, model_path), engines)


class FaceNode(ManagedNode):
    """Takes the newest image, observes the face in it, publishes what was seen."""

    def __init__(self, make: Callable = make_fast_path):
        super().__init__("face_node", SETTINGS)
        self._make = make
        self._engines: Engines | None = None
        self._fast_path = None
        self._outputs = {}
        self._face_frame: FaceFrame | None = None
        self._following: Following | None = None
        self._inputs = []
        self._enabled = True
        #: Takes observations beside the topics, on the worker's thread; None: nobody does.
        self.handover: Callable[[Received], None] | None = None
        self.create_service(SetBool, "enable", self._enable)

    def load(self) -> None:
        topics = dict(TOPICS, state=FaceState) if FaceState else TOPICS
        below = {topic: (kind, OBSERVATION) for topic, kind in topics.items()}
        self._following = Following(self, below, self.settings["ros4hri"])
        start, logger = time.monotonic(), self.get_logger()
        self._engines = Engines(
            self.settings["device"],
            self.settings["precision"],
            log=logger.info,
            wait=self.settings["wait_for_engines"],
            warn=logger.warning,
        )
        self._fast_path = self._make(self.settings["profile"], self.settings["face_model"], self._engines)
        running = ", ".join(f"{name} by {status.about}" for name, status in self._engines.status().items())
        logger.info(f"loaded in {time.monotonic() - start:.1f} s: detection by {DETECTOR}, {running}")
        self._outputs = {
            topic: self.create_lifecycle_publisher(kind, topic, OBSERVATION) for topic, kind in topics.items()
        }
        self._face_frame = FaceFrame(self)

    def unload(self) -> None:
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs = {}
        for part in filter(None, (self._face_frame, self._following)):
            part.close()
        self._face_frame = self._following = None
        if self._fast_path is not None:
            self._fast_path.close()
            self._fast_path = None
        if self._engines is not None:
            self._engines.close()
            self._engines = None

    def start(self) -> None:
        suffix, self._image_type, self._decode = _TRANSPORTS[self.settings["image_transport"]]
        # A remapping of `image_raw` doesn't reach names below it, so the topic is put together here.
        self._image_topic = self.resolve_topic_name("image_raw") + suffix
        reliability = self.settings["reliability"]
        self._lens, self._lens_state, self._last_info = Lens(), "", b""
        self._frames, self._last_image = 0, time.monotonic()
        self._following.start()
        self._worker = NewestWorker(lambda item: self.attempt(lambda: self._observe(*item)), "fast path")
        qos = QoSProfile(depth=1, reliability=_RELIABILITIES[reliability])
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._inputs = [
            self.create_subscription(self._image_type, self._image_topic, self._take_image, qos, raw=True),
            self.create_subscription(CameraInfo, "camera_info", self._take_camera_info, best_effort, raw=True),
        ]
        self._watch = self.create_timer(PATIENCE, self._warn_of_silence, clock=STEADY)
        self.get_logger().info(f"waiting for images on {self._image_topic} ({reliability}, depth 1)")

    def stop(self) -> None:
        super().stop()
        self._following.stop()

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        engines = self._engines.status()
        values = {
            "engine": DETECTOR,
            **{f"engine of {name}": status.about for name, status in engines.items()},
            "profile": self.settings["profile"],
            "image_topic": self._image_topic,
            "camera": self._lens.state,
            "frames_in": self._frames,
            "dropped": self._worker.dropped,
            "skipped": self.statistics["skipped"],
            "faces": self.statistics["faces"],
            "tf": self._face_frame.state,
            **self._following.state,
        }
        if not self._enabled:
            return DiagnosticStatus.OK, "paused by the service enable", values
        if self._silence() > PATIENCE:
            return DiagnosticStatus.WARN, self._silence_text(), values
        for name, status in engines.items():
            if status.degraded:
                return DiagnosticStatus.WARN, f"{name} runs by {status.about}: {status.degraded}", values
        if trouble := self._following.trouble:
            return DiagnosticStatus.WARN, trouble, values
        if not self._watched():
            return DiagnosticStatus.OK, "idle: nobody subscribes", values
        if slow := lateness(self.statistics, self.settings["max_latency"]):
            return DiagnosticStatus.WARN, slow, values
        return DiagnosticStatus.OK, "working", values

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
        face, faces = self._following.look(self._fast_path, frame, stamp, self.settings["max_faces"])
        if faces:
            self.statistics.count("faces")
            self._publish(faces[0], message.header, face)
        self.statistics.finished((time.monotonic() - arrival) * 1e3, faces[0].timings_ms if faces else {})

    def _publish(self, seen: Observation, header: Header, face: str) -> None:
        self._following.announce(face, header)
        beside = self._following.topics
        makers = observation_to_messages(seen, header) | {"state": lambda: observation_to_state(seen, header)}
        for topic, publisher in self._outputs.items():
            subscribed = publisher.get_subscription_count()
            if subscribed or beside.watched(topic):
                message = makers[topic]()
                if subscribed:
                    publisher.publish(message)
                beside.publish(face, topic, message)
        self._face_frame.send(self.settings["tf_frame"], seen, header)
        handover = self.handover  # another thread may end it
        if handover is not None:
            handover(Received(header, seen.crop, seen.foundation, seen.layers))

    def _watched(self) -> bool:
        subscribed = any(publisher.get_subscription_count() for publisher in self._outputs.values())
        return subscribed or self._following.topics.watched() or self.handover is not None

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
