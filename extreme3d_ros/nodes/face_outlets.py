"""What face_node publishes of observations: the topics, and the frame on TF."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache

from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from extreme3d_ros.messages.observation import TOPICS, observation_to_messages
from extreme3d_ros.messages.state import FaceState, observation_to_state
from extreme3d_ros.nodes.face_frame import FaceFrame
from extreme3d_ros.nodes.face_topics import FaceTopics, TopicsOfFaces
from extreme3d_ros.nodes.humans import below_ids
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.qos import OBSERVATION
from extreme3d_ros.records import Observation


class FaceOutlets:
    """The base topics, of the chosen face, and the same below each id; the chosen face's frame."""

    def __init__(self, node: ManagedNode):
        kinds: dict[str, tuple[type, QoSProfile]] = {topic: (kind, OBSERVATION) for topic, kind in TOPICS.items()}
        if FaceState:
            kinds["state"] = FaceState, OBSERVATION
        self._settings = node.settings
        self._base = FaceTopics(node, kinds)
        self._below = TopicsOfFaces(node, kinds, below_ids(node.settings["ros4hri"]))
        self._frame = FaceFrame(node)

    @property
    def faces(self) -> Collection[str]:
        """The ids of the faces that have topics of their own."""
        return self._below.faces.keys()

    @property
    def tf_state(self) -> str:
        """What becomes of the frame, for people to read."""
        return self._frame.state

    def follow(self, faces: Collection[str]) -> None:
        """Has topics below these ids, and no others, soon. From any thread."""
        self._below.follow(faces)

    def watched(self) -> bool:
        """Whether someone subscribes to any of the topics."""
        return any(topics.watched() for topics in (self._base, *self._below.faces.values()))

    def watched_for(self, face: str, chosen: bool) -> bool:
        """Whether someone subscribes to a topic that shows the face of an id. chosen: whether the base topics do."""
        return any(topics.watched() for topics in self._showing(face, chosen))

    def publish(self, seen: Observation, header: Header, chosen: bool) -> None:
        """Publishes an observation where someone subscribes. chosen: whether it is the chosen face's."""
        makers = observation_to_messages(seen, header) | {"state": lambda: observation_to_state(seen, header)}
        for topic, make in makers.items():
            once = cache(make)
            for topics in self._showing(seen.id, chosen):
                topics.publish(topic, once)
        if chosen:
            self._frame.send(self._settings["tf_frame"], seen, header)

    def close(self) -> None:
        """Ends them; for the executor."""
        self._below.close()
        self._base.close()
        self._frame.close()

    def _showing(self, face: str, chosen: bool) -> Iterable[FaceTopics]:
        return filter(None, (self._base if chosen else None, self._below.faces.get(face)))
