"""completion_node: hole filling, soft symmetry and the finished mesh, of each face's newest observation.

Where face_node publishes several faces below their ids, those are taken, and take turns; else the base topics, of the
one face; only while someone wants what is made of them, so that face_node too can rest. Topics, service and parameters:
the README's "Nodes and topics".
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from std_srvs.srv import Trigger

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.observation import Received
from extreme3d_ros.nodes.face_stream import FaceStream, FaceStreams, Finished
from extreme3d_ros.nodes.humans import below_ids
from extreme3d_ros.nodes.managed import STEADY, ManagedNode
from extreme3d_ros.nodes.mesh_outlets import MeshOutlets
from extreme3d_ros.nodes.mesh_saving import MeshSaving
from extreme3d_ros.nodes.parameters import COMPLETION_NODE as SETTINGS
from extreme3d_ros.nodes.running import run
from extreme3d_ros.nodes.topic_inlet import TopicInlet
from extreme3d_ros.nodes.worker import NewestWorker
from extreme3d_ros.profiles import face_model_of

if TYPE_CHECKING:
    from extreme3d_ros.pipeline import Completion

ENGINE = "soft symmetry, cpu"

#: Seconds between two looks at who subscribes, which faces there are, and which are lost.
_LOOK_PERIOD = 0.1


def make_completion(profile: str, model_path: str, references: str, zipped: bool = False) -> tuple[Completion, int]:
    """Completion with the face model of a file (empty: the profile's) and the references of a folder (`references_of`),
    and the number of that model's vertices."""
    # Imported here, not above: this takes seconds, and what is missing shall be told by a node that lives.
    from extreme3d_ros.pipeline import Completion
    from extreme3d_ros.references.default import references_of

    model = face_model_of(profile, model_path)
    return Completion(model, references_of(references, model.name), zipped), len(model.mean)


@dataclass(frozen=True)
class _Loaded:
    """What the configured node works with. vertices: of its face model."""

    completion: Completion
    vertices: int
    outlets: MeshOutlets

    def close(self) -> None:
        self.outlets.close()


class CompletionNode(ManagedNode[_Loaded]):
    """Finishes the newest observation of each face that arrived whole, and shows it."""

    def __init__(self, make: Callable = make_completion, make_inlet: Callable = TopicInlet):
        """make_inlet: of this node, of where the faces' own topics lie, and of what takes an observation."""
        super().__init__("completion_node", SETTINGS)
        self._make, self._make_inlet = make, make_inlet
        self._finished: Finished | None = None  # the last one of the chosen face
        self._busy = threading.Lock()  # held by the worker while it finishes and shows a mesh
        self._saving = MeshSaving(self.settings)
        # A group of its own: while it waits for a mesh, the callbacks that bring one go on.
        group = MutuallyExclusiveCallbackGroup()
        self.create_service(Trigger, "save_ply", self._save_ply, callback_group=group)

    def load(self) -> _Loaded:
        start = time.monotonic()
        chosen = (self.settings[name] for name in ("profile", "face_model", "references", "zipped"))
        completion, vertices = self._make(*chosen)
        self.get_logger().info(f"loaded {ENGINE} in {time.monotonic() - start:.1f} s")
        return _Loaded(completion, vertices, MeshOutlets(self))

    def unload(self) -> None:
        super().unload()
        self._finished = None

    def start(self) -> None:
        where = below_ids(self.settings["ros4hri"])
        self._inlet = self._make_inlet(self, where, self._take)
        self._streams = FaceStreams(lambda face: self.loaded.outlets.below(where, face))
        self._streams.follow([""], "")
        self._worker = NewestWorker(lambda item: self.attempt(lambda: self._work(*item)), "completion")
        self._watch = self.create_timer(_LOOK_PERIOD, lambda: self.attempt(self._look), clock=STEADY)
        self.attempt(self._look)
        self.get_logger().info(f"waiting for observations {self._inlet.origin}")

    def stop(self) -> None:
        for stream in self._streams.values():
            self._set_open(stream, False)
        super().stop()
        self._saving.answer()
        for stream in self._streams.values():
            self._end(stream)

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        streams = self._streams.values()
        values: dict[str, object] = {
            "engine": ENGINE,
            "frames_in": self.statistics["observations"],
            "dropped": self._worker.dropped + self._inlet.dropped,
            "skipped": self.statistics["skipped"],
            "not saved": self.statistics["not saved"],
            "ids": ", ".join(sorted(filter(None, self._streams))),
            "filled_from": _shares(self._finished.completed.filled_from) if self._finished else "",
        }
        if not any(map(self._wanted, streams)):
            return DiagnosticStatus.OK, "idle: nobody subscribes", values
        if trouble := self._saving.trouble:
            return DiagnosticStatus.WARN, f"meshes are not saved: {trouble}", values
        if slow := self.statistics.lateness(self.settings["max_latency"]):
            return DiagnosticStatus.WARN, slow, values
        return DiagnosticStatus.OK, "no face" if all(map(self._lost, streams)) else "working", values

    def _take(self, face: str, receive: Callable[[], Received]) -> None:
        """Takes a face's newest observation; `receive` is called if it isn't overtaken by the next. From any thread."""
        stream = self._streams.get(face)
        if stream is not None:
            self.statistics.count("observations")
            stream.arrival = self.get_clock().now()
            self._worker.give((stream, receive, time.monotonic()), face)

    def _look(self) -> None:
        """Follows the faces that there are; connects and rests as it is wanted; notices what is lost."""
        gone = self._follow()
        for stream in self._streams.values():
            self._set_open(stream, self._wanted(stream))
        for stream in gone:  # only now: face_node would rest if nobody listened in between
            self._end(stream)
        for stream in self._streams.values():
            if stream.open:
                self._check_lost(stream)
        if not self._busy.locked():  # a mesh under way is waited for: the first one may have kernels to compile
            self._saving.give_up_in_time()

    def _follow(self) -> list[FaceStream]:
        """Has streams of those faces that have topics of their own, or of the base topics; returns those gone."""
        faces, chosen = set(self._inlet.faces()) or {""}, self._inlet.chosen
        if faces == self._streams.keys() or ("" in self._streams and chosen and chosen not in faces):
            return []  # in the second case its topics are still to be discovered
        with self._busy:
            return self._streams.follow(faces, chosen)

    def _end(self, stream: FaceStream) -> None:
        self._set_open(stream, False)
        self._delete(stream)
        self.loaded.outlets.end(stream)

    def _set_open(self, stream: FaceStream, wanted: bool) -> None:
        if wanted == stream.open:
            return
        stream.open = wanted
        if wanted:
            if stream.arrival is not None:
                stream.arrival = self.get_clock().now()  # it was not lost while nobody looked
            self._inlet.open(stream.face)
            return
        self._inlet.close(stream.face)
        with self._busy:
            stream.current = False
            stream.person.forget()  # who leaves while the node rests would not be noticed

    def _work(self, stream: FaceStream, receive: Callable[[], Received], arrival: float) -> None:
        with self._busy:
            if not stream.open:
                return
            finished = self._finish(stream, receive())
            self._show(stream, finished)
            self.statistics.finished((time.monotonic() - arrival) * 1e3, finished.completed.timings_ms)
            self.attempt(lambda: self._saving.save_if_every(finished), "not saved")
        if self._is_chosen(stream):
            self._saving.answer()

    def _finish(self, stream: FaceStream, received: Received) -> Finished:
        """Runs completion; for the holder of `_busy`."""
        loaded, vertices = self.loaded, len(received.foundation.vertices)
        if vertices != loaded.vertices:
            raise InputError(
                f"the foundation has {vertices} vertices, this node's face model {loaded.vertices}; "
                "give parameters profile and face_model of face_node and completion_node the same values"
            )
        stream.meet(received.id)
        person = stream.person if self.settings["remember_person"] else None
        completed = loaded.completion(received.crop, received.foundation, received.layers, person)
        stream.finished, stream.current = Finished(received.header, completed, stream.face), True
        if self._is_chosen(stream):
            self._finished = stream.finished
        return stream.finished

    def _show(self, stream: FaceStream, finished: Finished) -> None:
        outlets = self.loaded.outlets
        outlets.publish_bump(stream, finished, self._is_chosen(stream))
        if not self._lost(stream):
            outlets.show(stream, finished, self.settings["coloring"])

    def _is_chosen(self, stream: FaceStream) -> bool:
        return stream is self._streams.of(self._inlet.chosen)

    def _wanted(self, stream: FaceStream) -> bool:
        outlets = self.loaded.outlets
        if outlets.watched("mesh") or self.settings["save_every_mesh"] or stream.topics.watched():
            return True
        return (outlets.watched() or self._saving.asked) and self._is_chosen(stream)

    def _lost(self, stream: FaceStream) -> bool:
        return stream.lost(self.get_clock().now(), self.settings["lost_after"])

    def _check_lost(self, stream: FaceStream) -> None:
        lost = self._lost(stream)
        if stream.shown is not None and lost:
            self._delete(stream)
        if len(stream.person) and (lost or not self.settings["remember_person"]):
            with self._busy:
                stream.person.forget()

    def _delete(self, stream: FaceStream) -> None:
        with self._busy:  # else a mesh under way could come after its own deletion
            self.loaded.outlets.delete(stream)

    async def _save_ply(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._loaded is None:
            response.message = "completion_node is not configured; see its log"
            return response
        stream = self._streams.of(self._inlet.chosen) if self._phase == "active" else None
        if stream is not None and not stream.current:
            await self._saving.next()
        with self._busy:
            response.success, response.message = self._saving.save(self._finished)
        if response.success:
            self.get_logger().info(f"saved {response.message}")
        return response


def _shares(sources: Mapping[str, float]) -> str:
    """A filling's sources in a line."""
    return ", ".join(f"{name} {share:.0%}" for name, share in sources.items())


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(lambda: [CompletionNode()], args)


if __name__ == "__main__":
    sys.exit(main())
