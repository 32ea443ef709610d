"""face_node: the fast path on every frame; observations out.

Subscribed: `image_raw` (sensor_msgs/Image), or `image_raw/compressed` (sensor_msgs/CompressedImage) with parameter
image_transport = compressed; `camera_info` (sensor_msgs/CameraInfo), optional.
Published: the topics of `messages.observation.TOPICS`, and `state` (extreme3d_ros/FaceState) where it is built, of the
chosen face; all with the frame's stamp and frame_id; `face_id` (std_msgs/String, transient local), whose face that is,
"" while nobody is there; the frame `tf_frame` on `/tf` where tf2_msgs is installed; `/diagnostics`.
With max_faces above 1 each face at work has the same topics below `faces/<id>/`, as long as it is in view or may come
back. With parameter ros4hri (REP-155): subscribes to `/humans/faces/tracked` and each `/humans/faces/<id>/roi`; the
faces' topics then lie below `/humans/faces/<id>/`.
Services: `enable` (std_srvs/SetBool) pauses and resumes.
Parameters: see parameters.FACE_NODE, or `ros2 param describe`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING, Protocol

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
from extreme3d_ros.nodes.face_frame import FaceFrame
from extreme3d_ros.nodes.face_topics import FaceTopics, TopicsOfFaces
from extreme3d_ros.nodes.following import Following
from extreme3d_ros.nodes.humans import below_ids
from extreme3d_ros.nodes.latency import lateness
from extreme3d_ros.nodes.lens import Lens
from extreme3d_ros.nodes.managed import STEADY, ManagedNode, run
from extreme3d_ros.nodes.parameters import FACE_NODE as SETTINGS
from extreme3d_ros.nodes.qos import OBSERVATION
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Observation
from extreme3d_ros.timing import timed

if TYPE_CHECKING:
    from extreme3d_ros.live import LivePath

_TRANSPORTS = {
    "raw": ("", Image, image_to_bgr),
    "compressed": ("/compressed", CompressedImage, compressed_to_bgr),
}
_RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}

#: What runs the detector's networks.
DETECTOR = "LiteRT on cpu"

#: Seconds without an image after which the node warns.
PATIENCE = 5.0


class Handover(Protocol):
    """Takes observations in this process, on the worker's thread."""

    def wants(self, face: str, chosen: bool) -> bool:
        """Whether it takes those of the face of that id. chosen: whether the base topics show it."""

    def __call__(self, received: Received, chosen: bool) -> None:
        """Takes one. Must not change its arrays."""


def make_live_path(profile: str, model_path: str, engines: EngineMaker) -> LivePath:
    """The road of a profile, with the face model of a file; empty: the profile's."""
    # Imported here, not above: this takes seconds, and what is missing shall be told by a node that lives.
    from extreme3d_ros.live import LivePath

    return LivePath(fast_path_of(profile, face_model_of(profile, model_path), engines))


class FaceNode(ManagedNode):
    """Takes the newest image, observes the faces in it that somebody wants, publishes what was seen."""

    def __init__(self, make: Callable = make_live_path):
        super().__init__("face_node", SETTINGS)
        self._make = make
        self._engines: Engines | None = None
        self._live: LivePath | None = None
        self._base: FaceTopics | None = None
        self._below: TopicsOfFaces | None = None
        self._face_frame: FaceFrame | None = None
        self._following: Following | None = None
        self._inputs = []
        self._enabled = True
        #: Takes observations beside the topics; None: nobody does.
        self.handover: Handover | None = None
        self.create_service(SetBool, "enable", self._enable)

    @property
    def faces(self) -> Collection[str]:
        """The ids of the faces that have topics of their own."""
        return self._below.faces if self._below else ()

    @property
    def chosen(self) -> str:
        """The id of the face that the base topics show, "" while nobody is there."""
        return self._following.chosen if self._following else ""

    def load(self) -> None:
        kinds = {topic: (kind, OBSERVATION) for topic, kind in TOPICS.items()}
        if FaceState:
            kinds["state"] = FaceState, OBSERVATION
        self._base = FaceTopics(self, kinds)
        self._below = TopicsOfFaces(self, kinds, below_ids(self.settings["ros4hri"]))
        self._following = Following(self, self._below.follow)
        self._face_frame = FaceFrame(self)
        start, logger = time.monotonic(), self.get_logger()
        self._engines = Engines(
            self.settings["device"],
            self.settings["precision"],
            log=logger.info,
            wait=self.settings["wait_for_engines"],
            warn=logger.warning,
        )
        self._live = self._make(self.settings["profile"], self.settings["face_model"], self._engines)
        running = ", ".join(f"{name} by {status.about}" for name, status in self._engines.status().items())
        logger.info(f"loaded in {time.monotonic() - start:.1f} s: detection by {DETECTOR}, {running}")

    def unload(self) -> None:
        for part in (self._following, self._below, self._base, self._face_frame, self._live, self._engines):
            if part is not None:
                part.close()
        self._following = self._below = self._base = self._face_frame = self._live = self._engines = None

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
            "face_id": self.chosen,
            "ids": ", ".join(sorted(self.faces)),
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
            self._following.rest()
            return
        message = deserialize_message(serialized, self._image_type)
        frame = self._lens(self._decode(message))
        self._tell_lens_state()
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        stages: Counter[str] = Counter()  # milliseconds of all faces
        with timed(stages, "detection"):
            faces = self._following.find(self._live, frame, stamp)
        for face, place in faces:
            if self._wanted(face) and (seen := self._live.observe(frame, place, face, stamp, {})):
                self.statistics.count("faces")
                stages.update(seen.timings_ms)
                self._publish(seen, message.header)
        self.statistics.finished((time.monotonic() - arrival) * 1e3, stages)

    def _publish(self, seen: Observation, header: Header) -> None:
        chosen = seen.id == self.chosen
        makers = observation_to_messages(seen, header) | {"state": lambda: observation_to_state(seen, header)}
        for topic, make in makers.items():
            once = cache(make)
            if chosen:
                self._base.publish(topic, once)
            self._below.publish(seen.id, topic, once)
        if chosen:
            self._face_frame.send(self.settings["tf_frame"], seen, header)
        handover = self.handover  # another thread may end it
        if handover is not None and handover.wants(seen.id, chosen):
            handover(Received(header, seen.crop, seen.foundation, seen.layers, seen.id), chosen)

    def _watched(self) -> bool:
        """Whether faces are to be found at all."""
        return self._base.watched() or self._following.watched or self._below.watched() or self.handover is not None

    def _wanted(self, face: str) -> bool:
        """Whether somebody wants what is observed of the face of an id."""
        chosen, handover = face == self.chosen, self.handover
        taken = handover is not None and handover.wants(face, chosen)
        return taken or (chosen and self._base.watched()) or self._below.watched(face)

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
