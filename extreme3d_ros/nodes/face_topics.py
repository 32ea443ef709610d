"""A node's topics: the base ones of the chosen face, and the same below the id of each face."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

#: By topic its type and quality of service.
Kinds = Mapping[str, tuple[type, QoSProfile]]

#: How long a last message may take until its publisher goes.
_GOODBYE = Duration(seconds=0.2)


class FaceTopics:
    """The topics of one face, `<below>/<topic>`; any thread publishes. Without `below` the base topics, which are the
    node's as long as it is configured and rest with it."""

    def __init__(self, node: LifecycleNode, kinds: Kinds, below: str = ""):
        make: Callable[..., Publisher] = node.create_publisher if below else node.create_lifecycle_publisher
        self._destroy: Callable[[Any], object] = node.destroy_publisher if below else node.destroy_lifecycle_publisher
        prefix = f"{below}/" if below else ""
        self._node, self._lock = node, threading.Lock()
        self._publishers = {topic: make(kind, prefix + topic, qos) for topic, (kind, qos) in kinds.items()}

    def watched(self, *topics: str) -> bool:
        """Whether someone subscribes to one of the topics; none named: to any."""
        with self._lock:
            asked = [self._publishers[topic] for topic in topics or self._publishers if topic in self._publishers]
            return any(publisher.get_subscription_count() for publisher in asked)

    def publish(self, topic: str, make: Callable[[], object]) -> bool:
        """Publishes what `make` makes, if someone subscribes; whether anyone does."""
        if not self.watched(topic):
            return False
        message = make()
        with self._lock:
            if topic in self._publishers:  # else ended meanwhile
                self._publishers[topic].publish(message)
        return True

    def close(self, goodbye: Mapping[str, object] | None = None) -> None:
        """Ends the publishers. goodbye: last messages, by topic, which a node that is being shut down can't send."""
        with self._lock:
            for topic, message in (goodbye or {}).items():
                if topic in self._publishers and self._node.context.ok():
                    self._publishers[topic].publish(message)
                    self._publishers[topic].wait_for_all_acked(_GOODBYE)
            for publisher in self._publishers.values():
                self._destroy(publisher)
            self._publishers = {}


class TopicsOfFaces:
    """The same topics below the id of each of several faces: `<where>/<id>/<topic>`. faces: by their ids."""

    def __init__(self, node: LifecycleNode, kinds: Kinds, where: str):
        self._node, self._kinds, self._where = node, kinds, where
        self.faces: Mapping[str, FaceTopics] = {}  # replaced as a whole: other threads read it
        self._wanted: frozenset[str] = frozenset()
        # Publishers are the executor's: it may be waiting for their events.
        self._changed = node.create_guard_condition(self._follow)

    def follow(self, faces: Collection[str]) -> None:
        """Has the executor make and end topics, so that there are those of these ids. From any thread."""
        if (wanted := frozenset(faces)) != self._wanted:
            self._wanted = wanted
            self._changed.trigger()

    def close(self) -> None:
        """Ends them all; for the executor."""
        self._wanted = frozenset()
        self._follow()
        self._node.destroy_guard_condition(self._changed)

    def _follow(self) -> None:
        wanted, before = self._wanted, self.faces
        new = {face: FaceTopics(self._node, self._kinds, f"{self._where}/{face}") for face in wanted - before.keys()}
        self.faces = {face: topics for face, topics in before.items() if face in wanted} | new
        for face in before.keys() - wanted:
            before[face].close()
