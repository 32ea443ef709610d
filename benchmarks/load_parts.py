"""The processes that benchmarks.load puts around the nodes: a camera and listeners.

Each works until its standard input is closed, and then writes what it saw as a line of JSON. All times are nanoseconds
of the system's clock, of which the stamps are too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from select import select

import cv2
import numpy as np

from benchmarks.containers import Child

#: Where the nodes are, and the camera's topic.
NAMESPACE, CAMERA = "/face", "/camera/image_raw"
_QUALITY = 90  # of JPEG, in percent
_LEAST = 10_000  # bytes of what counts: a Marker that deletes the mesh has fewer


class Part(Child):
    """One of these processes. name: of the function below that it runs."""

    def __init__(self, name: str, *arguments: object):
        # Not Child's own, which starts the package's executables.
        self.name = name
        command = [sys.executable, "-m", "benchmarks.load_parts", name, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait(self, patience: float) -> None:
        """Until it has what it waits for; SystemExit after so many seconds."""
        if not select([self._process.stdout], [], [], patience)[0] or self._process.stdout.readline() != "ready\n":
            raise SystemExit(f"nothing came to {self.name} for {patience:.0f} s")

    def report(self) -> list:
        """Ends it; what it saw."""
        return json.loads(self._process.communicate(timeout=60)[0])


def picture(size: str) -> np.ndarray:
    """The demo's face before a camera of WIDTHxHEIGHT: 640 x 480 enlarged to the height, grey at both sides."""
    from extreme3d_ros.cli.bench import vga
    from extreme3d_ros.input.images import demo_image

    width, height = map(int, size.split("x"))
    face = cv2.resize(vga(demo_image()), (height * 4 // 3, height), interpolation=cv2.INTER_CUBIC)
    side = (width - face.shape[1]) // 2
    return cv2.copyMakeBorder(face, 0, 0, side, width - face.shape[1] - side, cv2.BORDER_CONSTANT, value=(90, 90, 90))


def send(transport: str, reliability: str, size: str, rate: str) -> None:
    """A camera; serializes its image once. Tells the stamps that it sent."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

    from extreme3d_ros.messages.images import layer_to_image
    from extreme3d_ros.messages.stamps import stamped

    image, header = picture(size), Header(frame_id="camera")
    if transport == "raw":
        kind, topic, message = Image, CAMERA, layer_to_image(image, header)
    else:
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
        kind, topic = CompressedImage, f"{CAMERA}/compressed"
        message = CompressedImage(header=header, format="jpeg", data=jpeg)
    serialized = bytearray(serialize_message(message))
    _init()
    node = rclpy.create_node("camera")
    quality = QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability.upper()])
    publisher = node.create_publisher(kind, topic, quality)
    sent, ended, due = [], _until_closed(), time.monotonic()
    while not ended.is_set():
        stamp = node.get_clock().now()
        publisher.publish(stamped(serialized, stamp.to_msg()))
        sent.append(stamp.nanoseconds)
        due = max(due + 1 / float(rate), time.monotonic())
        time.sleep(due - time.monotonic() if due > time.monotonic() else 0)
    print(json.dumps(sent))


def listen(pause: str, *topics: str) -> None:
    """Subscribes, still serialized, to topics of the nodes and to diagnostics; a topic may be named several times.

    pause: seconds that it sleeps over each message. Tells a list for each topic: of messages (stamp, arrival), of
    face_node's diagnostics (frames_in, arrival).
    """
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import Marker

    from extreme3d_ros.messages.stamps import stamp_of
    from extreme3d_ros.nodes.qos import MESH, OBSERVATION

    seen: list[list[tuple[int, int]]] = [[] for _ in topics]

    def taker(entries):
        def take(serialized: bytes) -> None:
            if len(serialized) < _LEAST:
                return
            seconds, nanoseconds = stamp_of(serialized)
            entries.append((seconds * 10**9 + nanoseconds, time.time_ns()))
            time.sleep(float(pause))

        return take

    def hearer(entries):
        def hear(message) -> None:
            values = {pair.key: pair.value for pair in message.status[0].values}
            if message.status[0].name.endswith("face_node") and "frames_in" in values:
                entries.append((int(values["frames_in"]), time.time_ns()))

        return hear

    _init()
    node = rclpy.create_node("listener")
    for topic, entries in zip(topics, seen):
        if topic == "diagnostics":
            node.create_subscription(DiagnosticArray, "/diagnostics", hearer(entries), 10)
        else:
            kind, qos = (Marker, MESH) if topic == "mesh" else (Image, OBSERVATION)
            node.create_subscription(kind, f"{NAMESPACE}/{topic}", taker(entries), qos, raw=True)
    executor, ended, told = SingleThreadedExecutor(), _until_closed(), False
    executor.add_node(node)
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.1)
        if not told and all(seen):
            told = print("ready", flush=True) is None
    print(json.dumps(seen))


def _init() -> None:
    """Begins with ROS; signals end the process at once."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from extreme3d_ros.nodes.transport import make_room

    make_room()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)


def _until_closed() -> threading.Event:
    """Is set when the standard input is closed."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


if __name__ == "__main__":
    {"send": send, "listen": listen}[sys.argv[1]](*sys.argv[2:])
