"""Which face of a frame face_node works on: one of its own finding, or with parameter ros4hri one that others track."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from extreme3d_ros.messages.humans import IdsList
from extreme3d_ros.nodes.humans import FACE_ID, FACE_ID_QOS, FaceTopics, TrackedFaces, check_installed
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.window import observe_region
from extreme3d_ros.records import Face, Frame, Observation

#: Seconds for which a face is a hint where to look in the next image.
_HINT_LIFE = 0.5


class Following:
    """Follows a face from frame to frame; with `ros4hri` the one that TrackedFaces names.

    kinds: by topic what is published below a tracked face's id too, type and quality of service. Raises InputError
    where ros4hri is asked for and hri_msgs is not installed.
    """

    def __init__(self, node: ManagedNode, kinds: Mapping[str, tuple[type, QoSProfile]], ros4hri: bool):
        if ros4hri:
            check_installed()
        self._node = node
        self._ids = node.create_lifecycle_publisher(IdsList, FACE_ID, FACE_ID_QOS) if ros4hri else None
        self._tracked: TrackedFaces | None = None
        self.topics = FaceTopics(node, kinds)

    def start(self) -> None:
        """Begins anew."""
        self._before: tuple[float, str, Face] | None = None  # stamp, id and face of the last frame with one
        self._tracked = TrackedFaces(self._node, self._change) if self._ids else None

    def stop(self) -> None:
        """Ends what `start` began."""
        if self._tracked is not None:
            self._tracked.close()
            self.topics.follow("")

    def close(self) -> None:
        """Frees what is left."""
        if self._ids is not None:
            self._node.destroy_lifecycle_publisher(self._ids)
            self._ids = None

    @property
    def state(self) -> dict[str, str]:
        """For people to read; empty without ros4hri."""
        return {"ros4hri": self._tracked.state} if self._tracked else {}

    @property
    def trouble(self) -> str:
        """A line where nobody tracks faces though it was asked for; else empty."""
        return self._tracked.state if self._tracked and not self._tracked.found else ""

    def look(
        self, fast_path: Callable[..., list[Observation]], frame: Frame, stamp: float, max_faces: int
    ) -> tuple[str, list[Observation]]:
        """What the fast path sees in a frame of that stamp, seconds; and the id of the first face, "" for none."""
        face, roi = self._tracked.at(stamp) if self._tracked else ("", None)
        if self._tracked and roi is None:
            return "", []
        before, whose, hint = self._before or (0.0, "", None)
        if whose != face or not 0 <= stamp - before < _HINT_LIFE:
            hint = None
        seen = observe_region(fast_path, frame, roi, hint) if roi else fast_path(frame, max_faces, hint)
        if seen:
            self._before = stamp, face, seen[0].face
        return face, seen

    def announce(self, face: str, header: Header) -> None:
        """Says whose face a frame shows; before its messages, since completion_node asks by the stamp."""
        if face:
            self._ids.publish(IdsList(header=header, ids=[face]))

    def _change(self, face: str) -> None:
        self.topics.follow(face)
        stamp = self._node.get_clock().now().to_msg()
        self._ids.publish(IdsList(header=Header(stamp=stamp), ids=[face] if face else []))
