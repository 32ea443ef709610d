"""face_node: the fast path on every frame; observations out.

With max_faces above 1 each face at work has topics of its own, as long as it is in view or may come back. Topics,
service and parameters: the README's "Nodes and topics".
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from extreme3d_ros.engines import EngineMaker, Engines
from extreme3d_ros.messages.observation import Received
from extreme3d_ros.nodes.face_outlets import FaceOutlets
from extreme3d_ros.nodes.following import Following
from extreme3d_ros.nodes.frame_clock import FrameClock
from extreme3d_ros.nodes.image_inlet import PATIENCE, ImageInlet
from extreme3d_ros.nodes.managed import STEADY, ManagedNode
from extreme3d_ros.nodes.parameters import FACE_NODE as SETTINGS
from extreme3d_ros.nodes.running import run
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import Observation
from extreme3d_ros.timing import timed

if TYPE_CHECKING:
    from extreme3d_ros.live import LivePath

#: What runs the detector's networks.
DETECTOR = "LiteRT on cpu"


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


@dataclass(frozen=True)
class _Loaded:
    """What the configured node works with. close: ends it all."""

    outlets: FaceOutlets
    following: Following
    engines: Engines
    live: LivePath
    close: Callable[[], None]


class FaceNode(ManagedNode[_Loaded]):
    """Takes the newest image, observes the faces in it that somebody wants, publishes what was seen."""

    def __init__(self, make: Callable = make_live_path):
        super().__init__("face_node", SETTINGS)
        self._make = make
        self._enabled = True
        #: Takes observations beside the topics; None: nobody does.
        self.handover: Handover | None = None
        self.create_service(SetBool, "enable", self._enable)

    @property
    def faces(self) -> Collection[str]:
        """The ids of the faces that have topics of their own."""
        return self._loaded.outlets.faces if self._loaded else ()

    @property
    def chosen(self) -> str:
        """The id of the face that the base topics show, "" while nobody is there."""
        return self._loaded.following.chosen if self._loaded else ""

    def load(self) -> _Loaded:
        with ExitStack() as made:
            outlets = made.enter_context(closing(FaceOutlets(self)))
            following = made.enter_context(closing(Following(self, outlets.follow)))
            start = time.monotonic()
            engines = made.enter_context(closing(self._make_engines()))
            profile, face_model = self.settings["profile"], self.settings["face_model"]
            live = made.enter_context(closing(self._make(profile, face_model, engines)))
            running = ", ".join(f"{name} by {status.about}" for name, status in engines.status().items())
            took = time.monotonic() - start
            self.get_logger().info(f"loaded in {took:.1f} s: detection by {DETECTOR}, {running}")
            return _Loaded(outlets, following, engines, live, made.pop_all().close)

    def start(self) -> None:
        self.loaded.following.start()
        self._worker = NewestWorker(self._work, "fast path")
        self._images = ImageInlet(self, self._take, lambda: self._enabled and self._watched())
        self._frame_clock = FrameClock()
        self._watch = self.create_timer(PATIENCE, self._warn_of_silence, clock=STEADY)

    def stop(self) -> None:
        super().stop()
        self._images.close()  # after the worker, which asks it for more
        self.loaded.following.stop()

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        loaded = self.loaded
        engines = loaded.engines.status()
        values: dict[str, object] = {
            "engine": DETECTOR,
            **{f"engine of {name}": status.about for name, status in engines.items()},
            "profile": self.settings["profile"],
            "image_topic": self._images.topic,
            "camera": self._images.camera,
            "frames_in": self._images.frames,
            "dropped": self._images.dropped,
            "skipped": self.statistics["skipped"],
            "faces": self.statistics["faces"],
            "face_id": self.chosen,
            "ids": ", ".join(sorted(self.faces)),
            "tf": loaded.outlets.tf_state,
            **loaded.following.state,
        }
        if not self._enabled:
            return DiagnosticStatus.OK, "paused by the service enable", values
        if silence := self._images.silence:
            return DiagnosticStatus.WARN, silence, values
        for name, status in engines.items():
            if status.degraded:
                return DiagnosticStatus.WARN, f"{name} runs by {status.about}: {status.degraded}", values
        if trouble := loaded.following.trouble:
            return DiagnosticStatus.WARN, trouble, values
        if not self._watched():
            return DiagnosticStatus.OK, "idle: nobody subscribes", values
        if slow := self.statistics.lateness(self.settings["max_latency"]):
            return DiagnosticStatus.WARN, slow, values
        return DiagnosticStatus.OK, "working", values

    def _take(self, serialized: bytes, arrival: float) -> None:
        self._worker.give((serialized, arrival))

    def _work(self, item: tuple[bytes, float]) -> None:
        images = self._images  # others, if the node was deactivated and activated while this took long
        self.attempt(lambda: self._observe(*item))
        images.more()

    def _observe(self, serialized: bytes, arrival: float) -> None:
        """The work on one image."""
        if not self._enabled:
            return
        if not self._watched():
            self.loaded.following.rest()
            return
        frame, header = self._images.read(serialized)
        stamp = self._frame_clock(header.stamp, arrival)
        live = self.loaded.live
        stages: dict[str, float] = defaultdict(float)  # milliseconds of all faces
        with timed(stages, "detection"):
            faces = self.loaded.following.find(live, frame, stamp)
        wanted = [face for face in faces if self._wanted(face.id)]
        for seen in live.observe(frame, wanted, stamp, {}):
            self.statistics.count("faces")
            for stage, duration in seen.timings_ms.items():
                stages[stage] += duration
            self._publish(seen, header)
        self.statistics.finished((time.monotonic() - arrival) * 1e3, stages)

    def _publish(self, seen: Observation, header: Header) -> None:
        chosen = seen.id == self.chosen
        self.loaded.outlets.publish(seen, header, chosen)
        handover = self.handover  # another thread may end it
        if handover is not None and handover.wants(seen.id, chosen):
            handover(Received(header, seen.crop, seen.foundation, seen.layers, seen.id), chosen)

    def _watched(self) -> bool:
        """Whether faces are to be found at all."""
        return self.loaded.outlets.watched() or self.loaded.following.watched or self.handover is not None

    def _wanted(self, face: str) -> bool:
        """Whether somebody wants what is observed of the face of an id."""
        chosen, handover = face == self.chosen, self.handover
        taken = handover is not None and handover.wants(face, chosen)
        return taken or self.loaded.outlets.watched_for(face, chosen)

    def _make_engines(self) -> Engines:
        device, precision, wait = (self.settings[name] for name in ("device", "precision", "wait_for_engines"))
        logger = self.get_logger()
        return Engines(device, precision, log=logger.info, wait=wait, warn=logger.warning)

    def _warn_of_silence(self) -> None:
        if self._enabled and (silence := self._images.silence):
            self.get_logger().warning(silence)

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        response.success, response.message = True, "working" if request.data else "paused"
        return response


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(lambda: [FaceNode()], args)


if __name__ == "__main__":
    sys.exit(main())
