"""face_container: face_node and completion_node in one process, for small machines.

An observation goes from one to the other as it is, its arrays shared, instead of as seven messages; these are still
published for others who subscribe. Names, parameters, topics, services and life cycles are those of the two nodes;
`-r face_node:__ns:=/there` sets one's namespace, `-r __ns:=/there` both. Each node's work has a thread of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rclpy.node import Node

from extreme3d_ros.messages.observation import Received
from extreme3d_ros.nodes.completion_node import CompletionNode
from extreme3d_ros.nodes.face_node import FaceNode
from extreme3d_ros.nodes.managed import run_together


class NeighbouringCompletionNode(CompletionNode):
    """completion_node that takes observations from a face_node of its own process. Neither changes their arrays."""

    def __init__(self, face: FaceNode, **options):
        super().__init__(**options)
        self._face = face

    def origin(self) -> str:
        return f"of {self._face.get_fully_qualified_name()} in this process"

    def connect(self) -> None:
        self._face.handover = self._take_over

    def disconnect(self) -> None:
        self._face.handover = None

    def _take_over(self, received: Received) -> None:
        self.accept(lambda: received)


def make_nodes() -> Iterator[Node]:
    """face_node, and the completion_node beside it."""
    face = FaceNode()
    yield face
    yield NeighbouringCompletionNode(face)


def main(args: list[str] | None = None) -> int:
    """The executable."""
    return run_together(make_nodes, args)


if __name__ == "__main__":
    sys.exit(main())
