"""completion_node: hole filling, soft symmetry and the finished mesh, of the newest observation.

Subscribed: the topics of `messages.observation.TOPICS`, brought together by equal stamps.
Published: `mesh` (visualization_msgs/Marker, transient local; DELETE when no observation came for `lost_after`),
`bump_map_filled` (sensor_msgs/Image 32FC1); `/diagnostics`.
Services: `save_ply` (std_srvs/Trigger) writes the newest finished mesh, camera frame, and answers with its path.
Parameters: see SETTINGS, or `ros2 param describe`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker

from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.messages.images import layer_to_image
from extreme3d_ros.messages.marker import COLORINGS, MarkerWriter, delete_marker
from extreme3d_ros.messages.observation import TOPICS, messages_to_observation
from extreme3d_ros.nodes.managed import ManagedNode, run
from extreme3d_ros.nodes.mesh_files import MeshFiles
from extreme3d_ros.nodes.qos import MESH, OBSERVATION
from extreme3d_ros.nodes.settings import PROFILE, Setting
from extreme3d_ros.nodes.synchronizer import StampSynchronizer, stamp_of
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
    Setting("remember_person", True, "fill holes with what was seen of the same person; in memory only", live=True),
    Setting(
        "references",
        "",
        "folder of a gallery to fill holes from, or 'none'; empty: ~/.local/share/extreme3d_ros/references if it is "
        "there and suits the face model, else the shipped one if that does",
    ),
    PROFILE,
    Setting("face_model", "", "file of the face model, the same as face_node's; empty: the profile's"),
]

ENGINE = "soft symmetry, cpu"

_LOST_CHECK_PERIOD = 0.1

#: Share of a face's visible side from which it is worth a line that nothing fills what is hidden; seconds between two.
_MUCH_HIDDEN, _HOLES_TOLD_EVERY = 1 / 3, 10.0

Messages = Mapping[str, bytes]


@dataclass(frozen=True)
class Finished:
    """A finished mesh and the header of its frame."""

    header: Header
    completed: Completed


def make_completion(profile: str, model_path: str, references: str):
    """Completion with the face model of a file (empty: the profile's) and the references of a folder (`references_of`),
    and the number of that model's vertices."""
    # Imported here, not above: this takes seconds, and what is missing shall be told by a node that lives.
    from extreme3d_ros.pipeline import Completion
    from extreme3d_ros.references.default import references_of

    model = face_model_of(profile, model_path)
    return Completion(model, references_of(references, model.name)), len(model.mean)


class CompletionNode(ManagedNode):
    """Finishes the newest observation that arrived whole, and shows it."""

    def __init__(self, make: Callable = make_completion):
        super().__init__("completion_node", SETTINGS)
        self._make = make
        self._completion = None
        self._mesh = self._bump = None
        self._person = Person()
        self._forget()
        self._inputs = []
        self._write_marker = MarkerWriter()
        self._files = MeshFiles()
        self._busy = threading.Lock()  # completion serves the worker and the service
        self.create_service(Trigger, "save_ply", self._save_ply)

    def load(self) -> None:
        start = time.monotonic()
        chosen = (self.settings[name] for name in ("profile", "face_model", "references"))
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
        self._synchronizer = StampSynchronizer(TOPICS)
        self._worker = NewestWorker(lambda messages: self.attempt(lambda: self._work(*messages)), "completion")
        self._inputs = [
            self.create_subscription(kind, topic, partial(self._take, topic), OBSERVATION, raw=True)
            for topic, kind in TOPICS.items()
        ]
        # The node's own clock: when a recording is paused, the face is not lost.
        self._watch = self.create_timer(_LOST_CHECK_PERIOD, self._check_lost)
        self.get_logger().info(f"waiting for observations on {self.resolve_topic_name('crop/image')} and its like")

    def stop(self) -> None:
        super().stop()
        self._person.forget()  # who leaves while the node rests would not be noticed
        if self.context.ok():
            self._delete()

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
        return DiagnosticStatus.OK, "no face" if self._lost() else "working", values

    def _forget(self) -> None:
        self._person.forget()
        self._newest: Messages | None = None
        self._finished: Finished | None = None
        self._arrival: Time | None = None
        self._shown: Header | None = None  # of the mesh that viewers have before them

    def _take(self, topic: str, serialized: bytes) -> None:
        messages = self._synchronizer.add(topic, serialized)
        if messages is not None:
            self.statistics.count("observations")
            self._newest, self._arrival = messages, self.get_clock().now()
            self._worker.give((messages, time.monotonic()))

    def _work(self, messages: Messages, arrival: float) -> None:
        if not self._wanted():
            return
        with self._busy:
            finished = self._finish(messages)
            self._show(finished)
            self.statistics.finished((time.monotonic() - arrival) * 1e3, finished.completed.timings_ms)
            if self.settings["save_every_mesh"]:
                folder, keep = self.settings["ply_dir"], self.settings["max_saved"]
                self._files.save_rotating(finished.completed.mesh, finished.header.stamp, folder, keep)

    def _finish(self, messages: Messages) -> Finished:
        """Runs completion; for the holder of `_busy`."""
        received = messages_to_observation(
            {topic: deserialize_message(serialized, TOPICS[topic]) for topic, serialized in messages.items()}
        )
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
        if self._bump.get_subscription_count():
            self._bump.publish(layer_to_image(completed.bump, header))
        if self._mesh.get_subscription_count() and not self._lost():
            self._shown = header
            self._mesh.publish(self._write_marker(completed.mesh, header, self.settings["coloring"]))

    def _tell_of_holes(self, layers: Layers, completed: Completed) -> None:
        if completed.filled_from.get("none") == 1 and layers.occluded_fraction > _MUCH_HIDDEN:
            hidden = f"{layers.occluded_fraction:.0%} of the face is hidden, and nothing to fill it from was found"
            self.get_logger().info(hidden, throttle_duration_sec=_HOLES_TOLD_EVERY)

    def _wanted(self) -> bool:
        watched = self._mesh.get_subscription_count() or self._bump.get_subscription_count()
        return bool(watched) or self.settings["save_every_mesh"]

    def _lost(self) -> bool:
        if self._arrival is None:
            return True
        return (self.get_clock().now() - self._arrival).nanoseconds > self.settings["lost_after"] * 1e9

    def _check_lost(self) -> None:
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
                self._mesh.publish(delete_marker(Header(stamp=stamp, frame_id=self._shown.frame_id)))
                self._shown = None

    def _save_ply(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            with self._busy:
                finished = self._newest_finished()
                path = self._files.save(finished.completed.mesh, finished.header.stamp, self.settings["ply_dir"])
        except Extreme3DError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, str(path)
            self.get_logger().info(f"saved {path}")
        return response

    def _newest_finished(self) -> Finished:
        """The newest finished mesh, made now if the node is idle; for the holder of `_busy`.

        Raises InputError where there is none.
        """
        if self._completion is None:
            raise InputError("completion_node is not configured; see its log")
        if self._newest is None:
            raise InputError("no face has been seen yet; check that face_node gets images with a face")
        idle = self._finished is None or not self._wanted()
        if idle and not self._is_finished(self._newest):
            return self._finish(self._newest)
        return self._finished

    def _is_finished(self, messages: Messages) -> bool:
        if self._finished is None:
            return False
        stamp = self._finished.header.stamp
        return stamp_of(messages["crop/image"]) == (stamp.sec, stamp.nanosec)


def _shares(sources: Mapping[str, float]) -> str:
    """A filling's sources in a line."""
    return ", ".join(f"{name} {share:.0%}" for name, share in sources.items())


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(CompletionNode, args)


if __name__ == "__main__":
    sys.exit(main())
