"""What one would use without this package, beside it: MediaPipe's packaged graph for the road of a camera, and a Marker
filled with a Python object for each vertex for the mesh's message.

    .venv/bin/python -m benchmarks.peers [--rounds 30] [--json]

All candidates of a table take turns in one process, on the package's own photograph at 640 x 480; times are the
processor's, of all threads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from geometry_msgs.msg import Point
from mediapipe.python.solutions.face_mesh import FaceMesh as Graph
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from benchmarks.clocks import milliseconds
from benchmarks.command import figures_parser, markdown, tell
from extreme3d_ros.cli.bench import vga
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.live import LivePath
from extreme3d_ros.messages.marker import MarkerWriter, shaded_colors, write_marker
from extreme3d_ros.native_stderr import native_stderr_silenced
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.records import FaceMesh, Frame
from extreme3d_ros.references.default import references_of
from extreme3d_ros.tracking import Tracker

GRAPH, POINTS = "MediaPipe's graph", "Point objects"
_RATE = 15.0
#: Objects take so long that fewer rounds tell enough.
_FEWER = 5


def of_points(mesh: FaceMesh, header: Header) -> bytes:
    """The Marker that MarkerWriter makes, by rclpy from objects: one for each vertex, which its corners share."""
    marker = deserialize_message(write_marker(header, np.empty((0, 3)), np.empty((0, 4), np.float32)), Marker)
    corners = mesh.faces.ravel().tolist()
    points = [Point(x=x, y=y, z=z) for x, y, z in mesh.vertices.tolist()]
    colors = [ColorRGBA(r=r, g=g, b=b, a=a) for r, g, b, a in shaded_colors(mesh).tolist()]
    marker.points, marker.colors = [points[i] for i in corners], [colors[i] for i in corners]
    return serialize_message(marker)


def following(fast: FastPath, frame: Frame, rounds: int) -> dict[str, float]:
    """Milliseconds a frame of a face that is followed: MediaPipe's graph with refined points, our tracker's points
    alone, and our whole road to foundation, labels and bump map."""
    tracker, live, stamps = Tracker(fast.detection), LivePath(fast), count(0.0, 1 / _RATE)
    rgb = np.ascontiguousarray(frame.image[..., ::-1])
    with native_stderr_silenced(), Graph(refine_landmarks=True) as graph:
        calls: dict[str, Callable[[], object]] = {
            GRAPH: lambda: graph.process(rgb),
            "points": lambda: tracker(frame.image, next(stamps)),
            "road": lambda: live(frame, next(stamps)),
        }
        return milliseconds(calls, rounds)


def markers(mesh: FaceMesh, rounds: int) -> dict[str, float]:
    """Milliseconds in which the mesh becomes the bytes of /face/mesh."""
    writer, header = MarkerWriter(), Header(frame_id="camera")
    return milliseconds({POINTS: lambda: of_points(mesh, header), "ours": lambda: writer(mesh, header)}, rounds)


def measure(rounds: int) -> dict:
    """{"following": `following`, "markers": `markers`, "triangles": of the mesh}."""
    model = load_face_model()
    fast, frame = FastPath(model), frame_of(vga(demo_image()))
    seen = fast(frame)[0]
    mesh = Completion(model, references_of("", model.name))(seen.crop, seen.foundation, seen.layers).mesh
    return {
        "following": following(fast, frame, rounds),
        "markers": markers(mesh, min(rounds, _FEWER)),
        "triangles": len(mesh.faces),
    }


def table(measured: dict) -> str:
    """The figures as markdown, with their ratio to the peer's."""
    tables = []
    titles = {"following": "a face followed", "markers": f"a Marker of {measured['triangles']:,} triangles"}
    for (kind, title), peer in zip(titles.items(), (GRAPH, POINTS)):
        rows = ([way, f"{ms:.1f}", f"{ms / measured[kind][peer]:.2g}"] for way, ms in measured[kind].items())
        tables.append(markdown([title, "ms", f"of {peer}"], rows))
    return "\n\n".join(tables)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("peers", __doc__)
    parser.add_argument("--rounds", type=int, default=30, help="frames that are timed (default 30)")
    arguments = parser.parse_args()
    tell(arguments, measure(arguments.rounds), table)


if __name__ == "__main__":
    main()
