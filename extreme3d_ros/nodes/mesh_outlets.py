"""What completion_node publishes: the finished meshes and the filled bump maps."""

from __future__ import annotations

from functools import cache

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from extreme3d_ros.messages.images import layer_to_image
from extreme3d_ros.messages.marker import MarkerWriter, delete_marker
from extreme3d_ros.nodes.face_stream import FaceStream, Finished
from extreme3d_ros.nodes.face_topics import FaceTopics
from extreme3d_ros.nodes.qos import MESH, OBSERVATION

_KINDS = {"mesh": (Marker, MESH), "bump_map_filled": (Image, OBSERVATION)}


class MeshOutlets:
    """The base topics: `mesh`, of all faces, and `bump_map_filled`, of the chosen one; the same below each id."""

    def __init__(self, node: LifecycleNode):
        self._node = node
        self._base = FaceTopics(node, _KINDS)
        self._write_marker = MarkerWriter()

    def below(self, where: str, face: str) -> FaceTopics:
        """A stream's own topics, `<where>/<face>/...`; none of the one of the base topics, ""."""
        return FaceTopics(self._node, _KINDS if face else {}, f"{where}/{face}")

    def watched(self, *topics: str) -> bool:
        """Whether someone subscribes to one of the base topics; none named: to any."""
        return self._base.watched(*topics)

    def publish_bump(self, stream: FaceStream, finished: Finished, chosen: bool) -> None:
        """Publishes a filled bump map where someone subscribes. chosen: whether it is the chosen face's."""
        bump = cache(lambda: layer_to_image(finished.completed.bump, finished.header))
        for topics in (self._base, stream.topics) if chosen else (stream.topics,):
            topics.publish("bump_map_filled", bump)

    def show(self, stream: FaceStream, finished: Finished, coloring: str) -> None:
        """Publishes a mesh where someone subscribes, and notes in the stream that it is shown."""
        mesh, header = finished.completed.mesh, finished.header
        marker = cache(lambda: self._write_marker(mesh, header, coloring, stream.number))
        shown = [topics.publish("mesh", marker) for topics in (self._base, stream.topics)]
        stream.shown = header if any(shown) else stream.shown

    def delete(self, stream: FaceStream) -> None:
        """Takes a stream's mesh off the screens that show it."""
        if stream.shown is not None and self._node.context.ok():
            header = Header(stamp=self._node.get_clock().now().to_msg(), frame_id=stream.shown.frame_id)
            for topics in (self._base, stream.topics):
                topics.publish("mesh", lambda: delete_marker(header, stream.number))
        stream.shown = None

    def end(self, stream: FaceStream) -> None:
        """Ends a stream's own topics; who comes late finds no mesh there."""
        last = stream.finished
        stream.topics.close({"mesh": delete_marker(last.header, stream.number)} if last else None)

    def close(self) -> None:
        """Ends the base topics; for the executor."""
        self._base.close()
