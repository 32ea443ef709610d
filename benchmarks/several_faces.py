"""Frames a second of face_node with one, two and three faces before the camera, and with completion_node beside it.

    .venv/bin/python -m benchmarks.several_faces [--faces 1 2 3] [--seconds 15] [--engines FOLDER]

The nodes are processes of their own; the source sends 30 images a second of 640 x 480, someone listens to the bump_map
of each face, and where completion_node is there to `mesh` too. Rates are what the listener gets of each face; ids: how
many faces were told apart (as many as there are, if none was lost); processor: what face_node spends on a frame, and
completion_node on a mesh. --engines: a folder with another network engine's Python package, OpenVINO's for one; second
tables are with it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import parser_of
from benchmarks.containers import Child
from benchmarks.viewer import Viewer

#: Seconds until the first messages at most: a new installation compiles its kernels.
_PATIENCE = 120.0
_RATE = 30.0
_CAMERA = ["-r", "image_raw:=/camera/image_raw", "-r", "camera_info:=/camera/camera_info"]
_QUIET = ["--log-level", "warn"]
#: Where the faces stand: the side of each one's square, pixels.
_SIDE = 213


def row_of(count: int) -> np.ndarray:
    """640 x 480: the demo's face so many times, each another size, every second one mirrored."""
    from extreme3d_ros.input.images import demo_image

    head = demo_image()[20:300, 90:370]
    image = np.full((480, 640, 3), 90, np.uint8)
    for place in range(count):
        side = _SIDE - 12 * place
        face = cv2.resize(head[:, ::-1] if place % 2 else head, (side, side), interpolation=cv2.INTER_AREA)
        image[120 : 120 + side, place * _SIDE : place * _SIDE + side] = face
    return image


class Counts(Viewer):
    """Counts the messages of each topic."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()

    def count(self, kind: type, topic: str, qos: object) -> None:
        """Begins to count a topic's messages."""

        def take(_: bytes) -> None:
            self.counts[topic] += 1

        self.watch(kind, topic, take, qos)

    def bump_maps(self) -> list[str]:
        """Those of faces that have topics of their own."""
        names = (name for name, _ in self.node.get_topic_names_and_types())
        own = [name for name in names if name.startswith("/face/faces/") and name.endswith("/bump_map")]
        return [name for name in own if self.node.count_publishers(name)]

    def watch_faces(self) -> None:
        """Counts those of all faces that there are now."""
        from sensor_msgs.msg import Image

        from extreme3d_ros.nodes.qos import OBSERVATION

        for topic in self.bump_maps():
            self.count(Image, topic, OBSERVATION)

    def rest(self) -> None:
        """Watches no more, and forgets what was counted."""
        super().rest()
        self.counts.clear()


def measure(viewer: Counts, picture: Path, faces: int, completed: bool, seconds: float) -> str:
    """A row of the table."""
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import Marker

    from extreme3d_ros.nodes.qos import MESH, OBSERVATION

    namespace = ["-r", "__ns:=/face", *_QUIET]
    fast = ["-p", "reliability:=reliable", "-p", f"max_faces:={faces}"]
    nodes = [Child("face_node", *namespace, *_CAMERA, *fast)]
    if completed:
        nodes.append(Child("completion_node", *namespace))
    source = Child("image_source", "-r", "__ns:=/camera", *_QUIET, "-p", f"source:='{picture}'", "-p", f"rate:={_RATE}")
    try:
        viewer.count(Image, "/face/bump_map", OBSERVATION)
        if completed:
            viewer.count(Marker, "/face/mesh", MESH)
        if not viewer.spin(_PATIENCE, lambda: viewer.counts["/face/bump_map"]):
            raise SystemExit("face_node sends nothing")
        if faces > 1 and not viewer.spin(30.0, lambda: len(viewer.bump_maps()) == faces):
            raise SystemExit(f"{len(viewer.bump_maps())} of {faces} faces were found")
        own = {True: "/face/faces/", False: "/face/bump_map"}[faces > 1]
        viewer.watch_faces()
        viewer.spin(5.0)
        viewer.counts.clear()
        before, start = [node.cost().cpu for node in nodes], time.monotonic()
        for _ in range(round(seconds)):
            viewer.watch_faces()
            viewer.spin(1.0)
        took = time.monotonic() - start
        maps = {topic: count for topic, count in viewer.counts.items() if topic.startswith(own)}
        counts = [sum(maps.values()) / faces, viewer.counts["/face/mesh"]]
        spent = [1e3 * (node.cost().cpu - was) / max(count, 1) for node, was, count in zip(nodes, before, counts)]
        meshes = f"{counts[1] / took / faces:>15.1f}" if completed else f"{'-':>15}"
        return f"{faces:>5}{len(maps):>5}{counts[0] / took:>12.1f}{meshes}   " + ", ".join(
            f"{ms:.0f} ms" for ms in spent
        )
    finally:
        for child in [source, *nodes]:
            child.end()
        viewer.rest()


def main() -> None:
    """Prints the table."""
    parser = parser_of("several_faces", __doc__)
    parser.add_argument("--faces", type=int, nargs="+", choices=(1, 2, 3), default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--engines", type=Path, help="folder of another engine's package")
    options = parser.parse_args()
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="91")
    from extreme3d_ros.nodes.transport import make_room

    make_room()
    viewer, path = Counts(), os.environ.get("PYTHONPATH", "")
    with tempfile.TemporaryDirectory() as folder:
        for engines in ["", *([str(options.engines)] if options.engines else [])]:
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [path, engines]))
            for completed in (False, True):
                print(f"face_node{' and completion_node' * completed}{', with ' * bool(engines)}{engines}")
                print("faces  ids  bump_map/s  meshes/s each   processor", flush=True)
                for faces in options.faces:
                    picture = Path(folder) / f"{faces}.png"
                    cv2.imwrite(str(picture), row_of(faces))
                    print(measure(viewer, picture, faces, completed, options.seconds), flush=True)


if __name__ == "__main__":
    main()
