"""From image to message: the age of what the nodes publish when it is received, and what the processes cost.

    .venv/bin/python -m benchmarks.latency [--seconds 30]

An image_source sends the demo picture, 640 x 480; this process subscribes to bump_map and mesh. Each arrangement goes
through three phases: 3 images a second, at which nothing waits for its turn, so that age minus the stages' own times is
what ROS adds (conversion, serialisation, transport); 15 a second; and 15 a second with no subscribers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clocks import summary
from benchmarks.command import parser_of
from benchmarks.containers import Child, Cost
from benchmarks.viewer import Viewer
from extreme3d_ros.messages.stamps import age_ms

#: The executables that make up each arrangement.
ARRANGEMENTS = {"two processes": ["face_node", "completion_node"], "face_container": ["face_container"]}
SLOW, FAST = 3.0, 15.0
_NAMESPACE, _CAMERA = "/face", "/camera"
_REMAP = ["-r", "image_raw:=/camera/image_raw", "-r", "camera_info:=/camera/camera_info"]

#: Seconds until the first mesh at most: a new installation compiles its kernels.
_PATIENCE = 120.0


class Ages(Viewer):
    """The ages of bump_map and mesh, and what the nodes' diagnostics say of their stages."""

    def __init__(self):
        super().__init__()
        from diagnostic_msgs.msg import DiagnosticArray

        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.ages: dict[str, list[float]] = {"bump_map": [], "mesh": []}
        self.stages: dict[str, float] = {}  # milliseconds of all stages of a node

    def open(self) -> None:
        """Begins to watch."""
        from sensor_msgs.msg import Image
        from visualization_msgs.msg import Marker

        from extreme3d_ros.nodes.qos import MESH, OBSERVATION

        for topic, kind, qos in (("bump_map", Image, OBSERVATION), ("mesh", Marker, MESH)):
            self.watch(kind, f"{_NAMESPACE}/{topic}", self._taker(self.ages[topic]), qos)

    def restart(self) -> None:
        """Forgets what came so far."""
        for ages in self.ages.values():
            ages.clear()

    @staticmethod
    def _taker(ages: list[float]) -> Callable[[bytes], None]:
        return lambda serialized: ages.append(age_ms(serialized))

    def _hear(self, message) -> None:
        (status,) = message.status
        values = {pair.key: pair.value for pair in status.values if pair.key.endswith("_ms")}
        stages = [float(value) for key, value in values.items() if not key.startswith("latency_")]
        self.stages[status.name.rpartition("/")[2]] = sum(stages)


class Road:
    """An arrangement of the nodes and the source that feeds it."""

    def __init__(self, executables: list[str], picture: Path):
        self._picture, self._source = picture, None
        arguments = ["-r", f"__ns:={_NAMESPACE}", *_REMAP, "-p", "reliability:=reliable"]
        self.nodes = [Child(name, *arguments) for name in executables]

    def feed(self, rate: float) -> None:
        """Has so many images a second sent."""
        if self._source:
            self._source.end()
        settings = ["-p", f"source:='{self._picture}'", "-p", f"rate:={rate}"]
        self._source = Child("image_source", "-r", f"__ns:={_CAMERA}", *settings)

    def cost(self) -> dict[str, Cost]:
        """What each of the nodes' processes has cost so far."""
        return {child.name: child.cost() for child in self.nodes}

    def end(self) -> None:
        """Ends all processes."""
        for child in filter(None, [self._source, *self.nodes]):
            child.end()


def measure(viewer: Ages, road: Road, seconds: float) -> list[str]:
    """The three phases of an arrangement, as lines of the report."""
    viewer.open()
    road.feed(SLOW)
    viewer.restart()
    viewer.spin(_PATIENCE, lambda: viewer.ages["mesh"])
    viewer.spin(3.0)
    lines = _overhead(viewer, seconds / 2) + _latency(viewer, road, seconds)
    viewer.rest()
    viewer.spin(3.0)
    before = road.cost()
    viewer.spin(seconds / 2)
    shares = {name: cost.share_since(before[name]) for name, cost in road.cost().items()}
    return [*lines, "no subscribers: " + ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())]


def _overhead(viewer: Ages, seconds: float) -> list[str]:
    viewer.restart()
    viewer.spin(seconds)
    fast = viewer.stages["face_node"]
    lines = []
    for topic, stages in {"bump_map": fast, "mesh": fast + viewer.stages["completion_node"]}.items():
        age = np.median(viewer.ages[topic])
        lines.append(f"{SLOW:.0f}/s {topic:<9} {age:5.0f} ms old, stages {stages:.0f}, ROS {age - stages:.1f} ms")
    return lines


def _latency(viewer: Ages, road: Road, seconds: float) -> list[str]:
    road.feed(FAST)
    viewer.spin(5.0)
    viewer.restart()
    before = road.cost()
    viewer.spin(seconds)
    after = road.cost()
    lines = []
    for topic, ages in viewer.ages.items():
        median, late = summary(ages).values()
        lines.append(f"{FAST:.0f}/s {topic:<9} {median:5.0f} ms old, 95 %: {late:.0f} ms, {len(ages) / seconds:.1f}/s")
    for name, cost in after.items():
        memory = f"memory {before[name].memory:.0f} -> {cost.memory:.0f} MB"
        lines.append(f"{FAST:.0f}/s {name}: {cost.share_since(before[name]):.0f} % of a core, {memory}")
    return lines


def main() -> None:
    """Prints the report."""
    parser = parser_of("latency", __doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the phase of 15 images a second")
    options = parser.parse_args()
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="77")
    from extreme3d_ros.cli.bench import vga
    from extreme3d_ros.input.images import demo_image
    from extreme3d_ros.nodes.transport import make_room

    make_room()
    viewer = Ages()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        cv2.imwrite(str(picture), vga(demo_image()))
        for arrangement, executables in ARRANGEMENTS.items():
            road = Road(executables, picture)
            try:
                report = measure(viewer, road, options.seconds)
            finally:
                road.end()
            print(arrangement, *report, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
