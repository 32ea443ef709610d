"""ROS4HRI (REP-155): the face to work on is one that others track, and our topics are also found under its id.

Roi, cropped, aligned, landmarks and the frame face_<id> stay those of who tracks the face, hri_face_detect for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.humans import FACES, IdsList, Roi, RoiMessage, check_id, chosen_face, message_to_roi
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.settings import Setting

ROS4HRI = Setting(
    "ros4hri",
    False,
    f"work on the largest of the faces tracked on {FACES}/tracked (REP-155) instead of searching for faces; publish "
    f"below {FACES}/<id>/ too; needs hri_msgs; the same in both nodes",
)

#: Topic by which face_node says whose face is in the frame of a stamp; late comers get the last ones.
FACE_ID = "face_id"
FACE_ID_QOS = QoSProfile(depth=4, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)

#: Both kinds of publishers match; an old region is of no use.
_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

#: Seconds for which a region tells where the face is.
_ROI_LIFE = 0.5

#: How long a last message may take until its publisher goes.
_GOODBYE = Duration(seconds=0.2)


def check_installed() -> None:
    """Raises InputError where hri_msgs is not installed."""
    if IdsList is None:
        raise InputError(
            "parameter ros4hri needs the package hri_msgs; install ros-$ROS_DISTRO-hri-msgs, or build "
            "github.com/ros4hri/hri_msgs (branch humble-devel) where there is none, as in Kilted"
        )


class TrackedFaces:
    """The faces that others track, and which of them is ours.

    `changed` is called, by the executor, with the id when another becomes ours; "" where none is left.
    """

    def __init__(self, node: ManagedNode, changed: Callable[[str], None]):
        self._node, self._changed = node, changed
        self._regions: dict[str, Roi] = {}
        self._inputs: dict[str, object] = {}
        self._ours: tuple[str, Roi | None] = "", None  # replaced as a whole: the worker reads it
        self._tracked = node.create_subscription(IdsList, f"{FACES}/tracked", self._take_ids, _NEWEST)

    def at(self, stamp: float) -> tuple[str, Roi | None]:
        """Our face's id and region for an image of that stamp, seconds; "" and None without one of about that time."""
        face, roi = self._ours
        return (face, roi) if roi is not None and abs(stamp - roi.stamp) <= _ROI_LIFE else ("", None)

    @property
    def found(self) -> bool:
        """Whether someone tracks faces at all."""
        return self._node.count_publishers(f"{FACES}/tracked") > 0

    @property
    def state(self) -> str:
        """What is tracked, for people to read."""
        if not self.found:
            return f"nobody tracks faces: {FACES}/tracked has no publisher"
        return f"working on {self._ours[0]}" if self._ours[0] else "no face is tracked"

    def close(self) -> None:
        """Ends the subscriptions."""
        for subscription in (self._tracked, *self._inputs.values()):
            self._node.destroy_subscription(subscription)
        self._inputs = {}

    def _take_ids(self, message: IdsList) -> None:
        for face in self._inputs.keys() - set(message.ids):
            self._node.destroy_subscription(self._inputs.pop(face))
            self._regions.pop(face, None)
        for face in set(message.ids) - self._inputs.keys():
            self._node.attempt(partial(self._subscribe, face))
        self._choose()

    def _subscribe(self, face: str) -> None:
        take = partial(self._take_roi, check_id(face))
        self._inputs[face] = self._node.create_subscription(RoiMessage, f"{FACES}/{face}/roi", take, _NEWEST)

    def _take_roi(self, face: str, message: RoiMessage) -> None:
        self._node.attempt(lambda: self._regions.update({face: message_to_roi(message)}))
        self._choose()

    def _choose(self) -> None:
        before = self._ours[0]
        face = chosen_face(before, self._regions)
        self._ours = face, self._regions.get(face)
        if face != before:
            self._changed(face)


class FaceTopics:
    """A node's topics once more, below the id of the face at work; while there is none, nothing.

    kinds: by topic its type and quality of service; face: the id, "" for none. Any thread.
    """

    def __init__(self, node: Node, kinds: Mapping[str, tuple[type, QoSProfile]]):
        self._node, self._kinds = node, kinds
        self._lock = threading.Lock()
        self.face = ""
        self._publishers: dict[str, Publisher] = {}

    def follow(self, face: str, goodbye: Mapping[str, object] | None = None) -> None:
        """Goes over to another face's topics; "": to none. goodbye: last messages, by topic, for the ones left."""
        with self._lock:
            if face == self.face:
                return
            for topic, message in (goodbye or {}).items():
                if topic in self._publishers:
                    self._publishers[topic].publish(message)
                    self._publishers[topic].wait_for_all_acked(_GOODBYE)
            for publisher in self._publishers.values():
                self._node.destroy_publisher(publisher)
            self.face = face
            self._publishers = {
                topic: self._node.create_publisher(kind, f"{FACES}/{face}/{topic}", qos)
                for topic, (kind, qos) in (self._kinds.items() if face else ())
            }

    def watched(self, *topics: str) -> bool:
        """Whether someone subscribes to one of the topics; none named: to any."""
        with self._lock:
            publishers = [self._publishers[topic] for topic in topics or self._publishers if topic in self._publishers]
            return any(publisher.get_subscription_count() for publisher in publishers)

    def publish(self, face: str, topic: str, message: object) -> None:
        """Publishes, if `face` is still the one at work and someone subscribes."""
        with self._lock:
            if face == self.face and face and self._publishers[topic].get_subscription_count():
                self._publishers[topic].publish(message)
