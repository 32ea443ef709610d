"""ROS4HRI (REP-155): the faces to work on are those that others track, and our topics are also found below their ids.

Roi, cropped, aligned, landmarks and the frame face_<id> stay those of who tracks the face, hri_face_detect for one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.subscription import Subscription

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.humans import FACES, IdsList, Roi, RoiMessage, at_work, check_id, message_to_roi
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.qos import NEWEST

#: Seconds for which a region tells where the face is.
_ROI_LIFE = 0.5


def below_ids(ros4hri: bool) -> str:
    """Where each face's own topics lie, below its id."""
    return FACES if ros4hri else "faces"


def check_installed() -> None:
    """Raises InputError where hri_msgs is not installed."""
    if IdsList is None:
        raise InputError(
            "parameter ros4hri needs the package hri_msgs; install ros-$ROS_DISTRO-hri-msgs, or build "
            "github.com/ros4hri/hri_msgs (branch humble-devel) where there is none, as in Kilted"
        )


class TrackedFaces:
    """The faces that others track, and which of them are ours.

    most: how many are ours at most. `changed` is called, by the executor, with their ids, the chosen one first, when
    they become others.
    """

    def __init__(self, node: ManagedNode, most: Callable[[], int], changed: Callable[[list[str]], None]):
        self._node, self._most, self._changed = node, most, changed
        self._regions: dict[str, Roi] = {}
        self._inputs: dict[str, Subscription] = {}
        self._ours: dict[str, Roi] = {}  # the chosen one first; replaced as a whole: the worker reads it
        self._tracked = node.create_subscription(IdsList, f"{FACES}/tracked", self._take_ids, NEWEST)

    @property
    def chosen(self) -> str:
        """The id of the face that the base topics show; "" without any."""
        return next(iter(self._ours), "")

    @property
    def ids(self) -> list[str]:
        """Of our faces."""
        return list(self._ours)

    def at(self, stamp: float) -> dict[str, Roi]:
        """Our faces' regions for an image of that stamp, seconds: those of about that time."""
        return {face: roi for face, roi in self._ours.items() if abs(stamp - roi.stamp) <= _ROI_LIFE}

    @property
    def found(self) -> bool:
        """Whether someone tracks faces at all."""
        return self._node.count_publishers(f"{FACES}/tracked") > 0

    @property
    def state(self) -> str:
        """What is tracked, for people to read."""
        if not self.found:
            return f"nobody tracks faces: {FACES}/tracked has no publisher"
        return f"working on {', '.join(self._ours)}" if self._ours else "no face is tracked"

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
        self._inputs[face] = self._node.create_subscription(RoiMessage, f"{FACES}/{face}/roi", take, NEWEST)

    def _take_roi(self, face: str, message: RoiMessage) -> None:
        self._node.attempt(lambda: self._regions.update({face: message_to_roi(message)}))
        self._choose()

    def _choose(self) -> None:
        before = list(self._ours)
        ours = at_work(before, self._regions, self._most())
        self._ours = {face: self._regions[face] for face in ours}
        if ours != before:
            self._changed(ours)
