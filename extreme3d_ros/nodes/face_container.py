"""face_container: face_node and completion_node in one process, for small machines.

An observation goes from one to the other as it is, its arrays shared, instead of as seven messages; these are still
published for others who subscribe. Names, parameters, topics, services and life cycles are those of the two nodes;
`-r face_node:__ns:=/there` sets one's namespace, `-r __ns:=/there` both. Each node's work has a thread of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

from rclpy.node import Node

from extreme3d_ros.messages.observation import Received
from extreme3d_ros.nodes.completion_node import CompletionNode
from extreme3d_ros.nodes.face_node import FaceNode
from extreme3d_ros.nodes.running import run
from extreme3d_ros.nodes.topic_inlet import Take


class NeighbourInlet:
    """Observations as they are, from a face_node of the same process. Neither node changes their arrays."""

    dropped = 0

    def __init__(self, neighbour: FaceNode, take: Take):
        self._neighbour, self._take = neighbour, take
        self._open: frozenset[str] = frozenset()  # replaced as a whole: the other node's worker reads it

    @property
    def origin(self) -> str:
        """For the log."""
        return f"of {self._neighbour.get_fully_qualified_name()} in this process"

    @property
    def chosen(self) -> str:
        """Whose face the base topics show, "" for nobody."""
        return self._neighbour.chosen

    def faces(self) -> Collection[str]:
        """The ids of the faces that have topics of their own."""
        return self._neighbour.faces

    def open(self, face: str) -> None:
        """Lets the observations of a face come; "": of the chosen one."""
        self._open |= {face}
        self._neighbour.handover = self

    def close(self, face: str) -> None:
        """Lets no more come."""
        self._open -= {face}
        if not self._open:
            self._neighbour.handover = None

    def wants(self, face: str, chosen: bool) -> bool:
        """See face_node.Handover."""
        return face in self._open or (chosen and "" in self._open)

    def __call__(self, received: Received, chosen: bool) -> None:
        for face in {received.id, ""} if chosen else {received.id}:
            if face in self._open:
                self._take(face, lambda: received)


def make_nodes() -> Iterator[Node]:
    """face_node, and the completion_node beside it."""
    face = FaceNode()
    yield face
    yield CompletionNode(make_inlet=lambda node, where, take: NeighbourInlet(face, take))


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run(make_nodes, args)


if __name__ == "__main__":
    sys.exit(main())
