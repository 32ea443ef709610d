"""Observations from topics, for completion_node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from rclpy.node import Node
from rclpy.subscription import Subscription
from std_msgs.msg import String

from extreme3d_ros.messages.observation import NEEDED, Received, messages_to_observation
from extreme3d_ros.messages.reading import message_of
from extreme3d_ros.nodes.qos import FACE_ID, OBSERVATION
from extreme3d_ros.nodes.synchronizer import StampSynchronizer

#: Takes an id, "" for that of the base topics, and what makes the observation if no newer one overtakes it.
Take = Callable[[str, Callable[[], Received]], None]

_FIRST = next(iter(NEEDED))


class TopicInlet:
    """Observations brought together from messages of equal stamp.

    where: the topics of each face lie there below its id. chosen: whose face the base topics show, while open; "" for
    nobody. dropped: incomplete sets of messages.
    """

    def __init__(self, node: Node, where: str, take: Take):
        self.chosen = ""
        self._node, self._where, self._take = node, where, take
        self._faces: dict[str, tuple[StampSynchronizer, list[Subscription]]] = {}
        self._id: Subscription | None = None
        self._dropped = 0

    @property
    def origin(self) -> str:
        """For the log."""
        return f"on {self._node.resolve_topic_name(_FIRST)} and its like"

    @property
    def dropped(self) -> int:
        return self._dropped + sum(synchronizer.dropped for synchronizer, _ in self._faces.values())

    def faces(self) -> Collection[str]:
        """The ids of the faces that have topics of their own, by the ROS graph."""
        start, end = f"{self._node.resolve_topic_name(self._where)}/", f"/{_FIRST}"
        names = [name for name, _ in self._node.get_topic_names_and_types()]
        published = (name for name in names if name.startswith(start) and name.endswith(end))
        return {name[len(start) : -len(end)] for name in published if self._node.count_publishers(name)}

    def open(self, face: str) -> None:
        """Lets the observations of a face come; "": of the chosen one."""
        if self._id is None:
            self._id = self._node.create_subscription(String, "face_id", self._choose, FACE_ID)
        below = f"{self._where}/{face}/" if face else ""
        synchronizer = StampSynchronizer(NEEDED)
        inputs = [
            self._node.create_subscription(kind, below + topic, partial(self._add, face, topic), OBSERVATION, raw=True)
            for topic, kind in NEEDED.items()
        ]
        self._faces[face] = synchronizer, inputs

    def close(self, face: str) -> None:
        """Lets no more come."""
        synchronizer, inputs = self._faces.pop(face)
        self._dropped += synchronizer.dropped
        for subscription in inputs:
            self._node.destroy_subscription(subscription)
        if self._id is not None and not self._faces:
            self._node.destroy_subscription(self._id)
            self._id, self.chosen = None, ""

    def _choose(self, message: String) -> None:
        self.chosen = message.data

    def _add(self, face: str, topic: str, serialized: bytes) -> None:
        messages = self._faces[face][0].add(topic, serialized) if face in self._faces else None
        if messages is not None:
            self._take(face, partial(_received, messages, face or self.chosen))


def _received(messages: Mapping[str, bytes], face: str) -> Received:
    """Raises InputError where the messages make no sound observation."""
    typed = {topic: message_of(serialized, NEEDED[topic]) for topic, serialized in messages.items()}
    return messages_to_observation(typed, face)
