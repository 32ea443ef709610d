"""Which faces of a frame face_node works on: those that it tracks, or with parameter ros4hri those that others do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from std_msgs.msg import String

from extreme3d_ros.nodes.humans import TrackedFaces, check_installed
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.qos import FACE_ID
from extreme3d_ros.nodes.window import face_in
from extreme3d_ros.records import Frame, Tracked

if TYPE_CHECKING:  # importing it takes seconds
    from extreme3d_ros.live import LivePath


class Following:
    """Finds the faces of each frame, and says on `face_id` which one the base topics show.

    known: is called with the ids that have topics of their own, from any thread. Raises InputError where parameter
    ros4hri asks for faces tracked by others and hri_msgs is not installed.
    """

    def __init__(self, node: ManagedNode, known: Callable[[Collection[str]], None]):
        if node.settings["ros4hri"]:
            check_installed()
        self._node, self._known = node, known
        self._tracked: TrackedFaces | None = None
        self._publisher = node.create_lifecycle_publisher(String, "face_id", FACE_ID)
        self.chosen = ""

    def start(self) -> None:
        """Begins anew."""
        self.chosen = ""
        self._at_work: set[str] = set()  # now, or before and may come back
        if self._node.settings["ros4hri"]:
            self._tracked = TrackedFaces(self._node, self._most, self._known)

    def rest(self) -> None:
        """Nobody wants faces: those that it tracked itself will be others when somebody does."""
        if not self._tracked:
            self._known(())
            self._choose("")

    def stop(self) -> None:
        """Ends what `start` began."""
        if self._tracked is not None:
            self._tracked.close()
            self._tracked = None
        self.rest()

    def close(self) -> None:
        """Frees what is left."""
        self._node.destroy_lifecycle_publisher(self._publisher)

    @property
    def watched(self) -> bool:
        """Whether someone wants to know whose face it is."""
        return self._publisher.get_subscription_count() > 0

    @property
    def state(self) -> dict[str, str]:
        """For people to read; empty without ros4hri."""
        return {"ros4hri": self._tracked.state} if self._tracked else {}

    @property
    def trouble(self) -> str:
        """A line where nobody tracks faces though it was asked for; else empty."""
        return self._tracked.state if self._tracked and not self._tracked.found else ""

    def find(self, live: LivePath, frame: Frame, stamp: float) -> list[Tracked]:
        """The faces at work in a frame of that stamp, seconds; `chosen` then says which one the base topics show."""
        if self._tracked:
            regions = self._tracked.at(stamp)
            live.forget_all_but(self._tracked.ids)
            found = [(face, face_in(live.detection, frame.image, roi)) for face, roi in regions.items()]
            self._choose(self._tracked.chosen)
            return [Tracked(face, place) for face, place in found if place is not None]
        tracked = live.track(frame, stamp, self._most())
        self._choose(tracked[0].id if tracked else "")
        self._at_work = (self._at_work | {each.id for each in tracked}) & set(live.known)
        self._known(self._at_work if self._most() > 1 else ())
        return tracked

    def _most(self) -> int:
        return self._node.settings["max_faces"]

    def _choose(self, face: str) -> None:
        if face != self.chosen and self._node.context.ok():
            self.chosen = face
            self._publisher.publish(String(data=face))
