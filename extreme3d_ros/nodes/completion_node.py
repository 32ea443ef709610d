"""completion_node: hole filling, soft symmetry and the finished mesh, of the newest observation.

Subscribed: the topics of `messages.observation.TOPICS`, brought together by equal stamps; only while someone wants what
is made of them, so that face_node too can rest.
Published: `mesh` (visualization_msgs/Marker, transient local; DELETE when no observation came for `lost_after`),
`bump_map_filled` (sensor_msgs/Image 32FC1); `/diagnostics`. With parameter ros4hri both also below
`/humans/faces/<id>/`, for the id that face_node names on `face_id`.
Services: `save_ply` (std_srvs/Trigger) writes the newest finished mesh, camera frame, and answers with its path; where
nobody watches, that of the next observation.
Parameters: see SETTINGS, or `ros2 param describe`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.messages.humans import IdsList
from extreme3d_ros.messages.images import layer_to_image
from extreme3d_ros.messages.marker import COLORINGS, MarkerWriter, delete_marker
from extreme3d_ros.messages.observation import TOPICS, Received, messages_to_observation
from extreme3d_ros.nodes.humans import FACE_ID, FACE_ID_QOS, ROS4HRI, FaceTopics, check_installed
from extreme3d_ros.nodes.latency import MAX_LATENCY, lateness
from extreme3d_ros.nodes.managed import STEADY, ManagedNode, run
from extreme3d_ros.nodes.mesh_files import MeshFiles
from extreme3d_ros.nodes.qos import MESH, OBSERVATION
from extreme3d_ros.nodes.settings import PROFILE, Setting
from extreme3d_ros.nodes.synchronizer import StampSynchronizer
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of
from extreme3d_ros.records import Completed, Layers
from extreme3d_ros.references.person import Person

SETTINGS = [
    Setting(
        "coloring",
        "shaded",
        "the mesh in RViz: 'shaded' skin with light baked in, 'texture' the image's colours, 'plain' RViz's own light",
        tuple(COLORINGS),
        live=True,
    ),
    Setting("ply_dir", "~/extreme3d_meshes", "folder for PLY files; made when first needed", live=True),
    Setting("save_every_mesh", False, "write each finished mesh to ply_dir", live=True),
    Setting(
        "max_saved", 300, "how many meshes of save_every_mesh are kept; the oldest go", limits=(1, 1_000_000), live=True
    ),
    Setting("lost_after", 1.0, "seconds without a face after which the mesh is deleted", limits=(0.1, 3600), live=True),
    Setting(
        "zipped",
        False,
        "a vertex a pixel where the face is seen; else the same triangles in every frame, which viewers take in faster",
    ),
    Setting("remember_person", True, "fill holes with what was seen of the same person; in memory only", live=True),
    Setting(
        "references",
        "",
        "folder of a gallery to fill holes from, or 'none'; empty: ~/.local/share/extreme3d_ros/references if it is "
        "there and suits the face model, else the shipped one if that does",
    ),
    PROFILE,
    Setting("face_model", "", "file of the face model, the same as face_node's; empty: the profile's"),
    ROS4HRI,
    MAX_LATENCY,
]

ENGINE = "soft symmetry, cpu"

#: Seconds between two looks at who subscribes and whether the face is lost.
_LOOK_PERIOD = 0.1

#: Seconds that `save_ply` waits for an observation.
_SAVE_PATIENCE = 5.0

#: Share of a face's visible side from which it is worth a line that nothing fills what is hidden; seconds between two.
_MUCH_HIDDEN, _HOLES_TOLD_EVERY = 1 / 3, 10.0

#: Frames whose face's id is kept until their mesh is finished.
_IDS_KEPT = 32

Messages = Mapping[str, bytes]


@dataclass(frozen=True)
class Finished:
    """A finished mesh and the header of its frame."""

    header: Header
    completed: Completed


def make_completion(profile: str, model_path: str, references: str, zipped: bool = False):
    """Completion with the face model of a file (empty: the profile's) and the references of a folder (`references_of`),
    and the number of that model's vertices."""
    # Imported here, not above: this takes seconds, and what is missing shall be told by a node that lives.
    from extreme3d_ros.pipeline import Completion
    from extreme3d_ros.references.default import references_of

    model = face_model_of(profile, model_path)
    return Completion(model, references_of(references, model.name), zipped), len(model.mean)


class CompletionNode(ManagedNode):
    """Finishes the newest observation that arrived whole, and shows it."""

    def __init__(self, make: Callable = make_completion):
        super().__init__("completion_node", SETTINGS)
        self._make = make
        self._completion = None
        self._mesh = self._bump = None
        self._person = Person()
        self._beside = FaceTopics(self, {"mesh": (Marker, MESH), "bump_map_filled": (Image, OBSERVATION)})
        self._names = None
        self._forget()
        self._inputs = []
        self._connected = False
        self._asked: Future | None = None  # what callers of `save_ply` wait for
        self._write_marker = MarkerWriter()
        self._files = MeshFiles()
        self._busy = threading.Lock()  # held by the worker while it finishes and shows a mesh
        # A group of its own: while it waits for a mesh, the callbacks that bring one go on.
        group = MutuallyExclusiveCallbackGroup()
        self.create_service(Trigger, "save_ply", self._save_ply, callback_group=group)

    def load(self) -> None:
        if self.settings["ros4hri"]:
            check_installed()
        start = time.monotonic()
        chosen = (self.settings[name] for name in ("profile", "face_model", "references", "zipped"))
        self._completion, self._vertices = self._make(*chosen)
        self.get_logger().info(f"loaded {ENGINE} in {time.monotonic() - start:.1f} s")
        self._mesh = self.create_lifecycle_publisher(Marker, "mesh", MESH)
        self._bump = self.create_lifecycle_publisher(Image, "bump_map_filled", OBSERVATION)

    def unload(self) -> None:
        for publisher in filter(None, (self._mesh, self._bump)):
            self.destroy_lifecycle_publisher(publisher)
        self._completion = self._mesh = self._bump = None
        self._forget()

    def start(self) -> None:
        if self.settings["ros4hri"]:
            self._names = self.create_subscription(IdsList, FACE_ID, self._take_id, FACE_ID_QOS)
        self._synchronizer = StampSynchronizer(TOPICS)
        self._worker = NewestWorker(lambda item: self.attempt(lambda: self._work(*item)), "completion")
        self._watch = self.create_timer(_LOOK_PERIOD, self._look, clock=STEADY)
        self.get_logger().info(f"waiting for observations {self.origin()}")

    def stop(self) -> None:
        self._set_connected(False)
        super().stop()
        self._answer()
        self._person.forget()
        if self.context.ok():
            self._delete()
        if self._names is not None:
            self.destroy_subscription(self._names)
            self._names = None
            self._beside.follow("")

    def origin(self) -> str:
        """Where observations come from, for the log."""
        return f"on {self.resolve_topic_name('crop/image')} and its like"

    def connect(self) -> None:
        """Lets observations come."""
        self._inputs = [
            self.create_subscription(kind, topic, partial(self._take, topic), OBSERVATION, raw=True)
            for topic, kind in TOPICS.items()
        ]

    def disconnect(self) -> None:
        """Lets no more come."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []

    def accept(self, receive: Callable[[], Received]) -> None:
        """Takes the newest observation; `receive` is called if it isn't overtaken by the next. From any thread."""
        self.statistics.count("observations")
        self._arrival = self.get_clock().now()
        self._worker.give((receive, time.monotonic()))

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        values = {
            "engine": ENGINE,
            "frames_in": self.statistics["observations"],
            "dropped": self._worker.dropped + self._synchronizer.dropped,
            "skipped": self.statistics["skipped"],
            "filled_from": _shares(self._finished.completed.filled_from) if self._finished else "",
        }
        if not self._wanted():
            return DiagnosticStatus.OK, "idle: nobody subscribes", values
        if slow := lateness(self.statistics, self.settings["max_latency"]):
            return DiagnosticStatus.WARN, slow, values
        return DiagnosticStatus.OK, "no face" if self._lost() else "working", values

    def _forget(self) -> None:
        self._person.forget()
        self._finished: Finished | None = None
        self._current = False  # whether it was finished since observations come
        self._arrival: Time | None = None
        self._shown: Header | None = None  # of the mesh that viewers have before them
        self._ids: deque[tuple[object, str]] = deque(maxlen=_IDS_KEPT)  # stamps and whose face they show

    def _take_id(self, message: IdsList) -> None:
        """With ros4hri: whose face is in the frame of a stamp."""
        face = message.ids[0] if message.ids else ""
        self._ids.append((message.header.stamp, face))
        goodbye = {"mesh": delete_marker(self._shown)} if self._shown is not None else {}
        self._beside.follow(face, goodbye)

    def _take(self, topic: str, serialized: bytes) -> None:
        messages = self._synchronizer.add(topic, serialized)
        if messages is not None:
            self.accept(partial(_received, messages))

    def _look(self) -> None:
        """Connects and rests as it is wanted; notices what is lost, and who waits in vain."""
        self._set_connected(self._wanted())
        self._check_lost()
        # A mesh under way is waited for: the first one may have kernels to compile.
        if self._asked is not None and time.monotonic() > self._asked_until and not self._busy.locked():
            self._answer()

    def _set_connected(self, connected: bool) -> None:
        if connected == self._connected:
            return
        self._connected = connected
        if not connected:
            self.disconnect()
            with self._busy:
                self._current = False
                self._person.forget()  # who leaves while the node rests would not be noticed
        else:
            if self._arrival is not None:
                self._arrival = self.get_clock().now()  # nor was the face lost while nobody looked
            self.connect()

    def _work(self, receive: Callable[[], Received], arrival: float) -> None:
        if not self._wanted():
            return
        with self._busy:
            finished = self._finish(receive())
            self._current = True
            self._show(finished)
            self.statistics.finished((time.monotonic() - arrival) * 1e3, finished.completed.timings_ms)
            if self.settings["save_every_mesh"]:
                folder, keep = self.settings["ply_dir"], self.settings["max_saved"]
                self._files.save_rotating(finished.completed.mesh, finished.header.stamp, folder, keep)
        self._answer()

    def _finish(self, received: Received) -> Finished:
        """Runs completion; for the holder of `_busy`."""
        vertices = len(received.foundation.vertices)
        if vertices != self._vertices:
            raise InputError(
                f"the foundation has {vertices} vertices, this node's face model {self._vertices}; "
                "give parameters profile and face_model of face_node and completion_node the same values"
            )
        person = self._person if self.settings["remember_person"] else None
        completed = self._completion(received.crop, received.foundation, received.layers, person)
        self._tell_of_holes(received.layers, completed)
        self._finished = Finished(received.header, completed)
        return self._finished

    def _show(self, finished: Finished) -> None:
        header, completed = finished.header, finished.completed
        if self._bump.get_subscription_count() or self._beside.watched("bump_map_filled"):
            self._send("bump_map_filled", layer_to_image(completed.bump, header), header)
        if (self._mesh.get_subscription_count() or self._beside.watched("mesh")) and not self._lost():
            self._shown = header
            self._send("mesh", self._write_marker(completed.mesh, header, self.settings["coloring"]), header)

    def _send(self, topic: str, message: object, header: Header) -> None:
        """Publishes; with ros4hri below the id of the face in the frame too."""
        publisher = {"mesh": self._mesh, "bump_map_filled": self._bump}[topic]
        publisher.publish(message)
        face = next((face for stamp, face in reversed(list(self._ids)) if stamp == header.stamp), "")
        self._beside.publish(face, topic, message)

    def _tell_of_holes(self, layers: Layers, completed: Completed) -> None:
        if completed.filled_from.get("none") == 1 and layers.occluded_fraction > _MUCH_HIDDEN:
            hidden = f"{layers.occluded_fraction:.0%} of the face is hidden, and nothing to fill it from was found"
            self.get_logger().info(hidden, throttle_duration_sec=_HOLES_TOLD_EVERY)

    def _wanted(self) -> bool:
        watched = self._mesh.get_subscription_count() or self._bump.get_subscription_count() or self._beside.watched()
        return bool(watched) or self.settings["save_every_mesh"] or self._asked is not None

    def _lost(self) -> bool:
        if self._arrival is None:
            return True
        return (self.get_clock().now() - self._arrival).nanoseconds > self.settings["lost_after"] * 1e9

    def _check_lost(self) -> None:
        if not self._connected:
            return
        if self._shown is not None and self._lost():
            self._delete()
        if len(self._person) and (self._lost() or not self.settings["remember_person"]):
            with self._busy:
                self._person.forget()

    def _delete(self) -> None:
        """Takes the mesh off the screens that show it."""
        with self._busy:  # else a mesh under way could come after its own deletion
            if self._shown is not None:
                stamp = self.get_clock().now().to_msg()
                deleted = delete_marker(Header(stamp=stamp, frame_id=self._shown.frame_id))
                self._mesh.publish(deleted)
                self._beside.publish(self._beside.face, "mesh", deleted)
                self._shown = None

    async def _save_ply(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            finished = await self._newest_finished()
            with self._busy:
                path = self._files.save(finished.completed.mesh, finished.header.stamp, self.settings["ply_dir"])
        except Extreme3DError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, str(path)
            self.get_logger().info(f"saved {path}")
        return response

    async def _newest_finished(self) -> Finished:
        """The newest finished mesh; if the node is idle, that of the next observation, should one come soon.

        Raises InputError where there is none.
        """
        if self._completion is None:
            raise InputError("completion_node is not configured; see its log")
        if self._phase == "active" and not self._current:
            self._asked_until = time.monotonic() + _SAVE_PATIENCE
            self._asked = asked = Future()
            await asked
        if self._finished is None:
            raise InputError("no face has been seen yet; check that face_node gets images with a face")
        return self._finished

    def _answer(self) -> None:
        """Lets those go on who wait for a mesh."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.set_result(None)


def _received(messages: Messages) -> Received:
    return messages_to_observation(
        {topic: deserialize_message(serialized, TOPICS[topic]) for topic, serialized in messages.items()}
    )


def _shares(sources: Mapping[str, float]) -> str:
    """A filling's sources in a line."""
    return ", ".join(f"{name} {share:.0%}" for name, share in sources.items())


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(CompletionNode, args)


if __name__ == "__main__":
    sys.exit(main())
