"""Whether completion_node keeps up: the observation of a covered face, sent at a fixed rate, and the meshes that come.

    .venv/bin/python -m benchmarks.completion_rate [--rates 10 15] [--seconds 15]

completion_node is a process of its own; hole filling, soft symmetry, the mesh and its 9 MB message are its work. Age:
from an observation's stamp to the arrival of its mesh in this process, which sends and receives.
"""

from __future__ import annotations

import os
import time

import cv2

from benchmarks.clocks import summary
from benchmarks.command import parser_of
from benchmarks.containers import Child
from benchmarks.viewer import Viewer
from extreme3d_ros.cli.bench import vga
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.messages.stamps import age_ms
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import Observation

#: Seconds until the first mesh at most: a new installation compiles its kernels.
_PATIENCE = 120.0


def covered_face() -> Observation:
    """The demo's face behind a card."""
    image = vga(demo_image())
    fast = FastPath(load_face_model())
    x, y, w, h = map(int, fast(frame_of(image))[0].face.bbox)
    cv2.rectangle(image, (x, y + h // 2), (x + w // 2, y + h), (60, 120, 40), -1)
    return fast(frame_of(image))[0]


class Player(Viewer):
    """Sends one observation again and again with new stamps, and takes the time of the meshes."""

    def __init__(self, seen: Observation):
        from std_msgs.msg import Header
        from visualization_msgs.msg import Marker

        from extreme3d_ros.messages.observation import NEEDED, observation_to_messages
        from extreme3d_ros.nodes.qos import MESH, OBSERVATION
        from extreme3d_ros.nodes.transport import make_room

        make_room()
        super().__init__()
        self._publishers = {name: self.node.create_publisher(kind, name, OBSERVATION) for name, kind in NEEDED.items()}
        made = observation_to_messages(seen, Header(frame_id="camera"))
        self._messages = {name: made[name]() for name in NEEDED}
        self._ages: list[float] = []
        self.watch(Marker, "mesh", lambda serialized: self._ages.append(age_ms(serialized)), MESH)

    def play(self, rate: float, seconds: float) -> list[float]:
        """Ages in milliseconds of the meshes that came of `rate` observations a second."""
        self._ages = []
        start = time.monotonic()
        for number in range(int(rate * seconds)):
            self._send()
            self.spin(start + (number + 1) / rate - time.monotonic())
        self.spin(1.0)
        return self._ages

    def wait(self) -> None:
        """Until the first mesh."""
        end = time.monotonic() + _PATIENCE
        while not self._ages:
            if time.monotonic() > end:
                raise SystemExit("completion_node gives no mesh")
            self._send()
            self.spin(0.5)
        self.spin(1.0)

    def _send(self) -> None:
        stamp = self.node.get_clock().now().to_msg()
        for name, message in self._messages.items():
            message.header.stamp = stamp
            self._publishers[name].publish(message)


def main() -> None:
    """Prints a row for each rate."""
    parser = parser_of("completion_rate", __doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 15], help="observations a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="78")
    seen = covered_face()
    node = Child("completion_node")
    try:
        player = Player(seen)
        player.wait()
        print(f"{seen.layers.occluded_fraction:.0%} of the face hidden")
        print(f"{'sent/s':>7}{'meshes/s':>10}{'median ms':>11}{'p95 ms':>8}")
        for rate in options.rates:
            ages = player.play(rate, options.seconds)
            median, late = summary(ages).values()
            print(f"{rate:>7.0f}{len(ages) / options.seconds:>10.1f}{median:>11.0f}{late:>8.0f}", flush=True)
    finally:
        node.end()


if __name__ == "__main__":
    main()
