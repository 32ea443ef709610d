"""What room in shared memory is worth: layers and meshes sent as the nodes send them, with Fast DDS as it comes and
with the profile of nodes/transport.py.

    .venv/bin/python -m benchmarks.transport
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial

import numpy as np

from benchmarks.clocks import summary
from extreme3d_ros.messages.stamps import age_ms

FRAMES, RATE = 60, 10.0
#: The sizes of what is sent: bgr8, 32FC1, two mono8 of the crop, and the foundation; and a Marker.
LAYERS = {"image": 786_432, "bump_map": 1_048_576, "mask": 262_144, "occlusion": 262_144, "foundation": 114_936}
MESH = {"mesh": 9_100_000}
_SELF = sys.executable, "-m", "benchmarks.transport"


def main() -> None:
    """Prints the table."""
    print(f"{'10 Hz':<12}{'Fast DDS':<12}{'topic':<12}{'median ms':>10}{'p95 ms':>8}{'lost':>6}")
    for what, sizes in {"layers": LAYERS, "mesh": MESH}.items():
        for how in ("as it comes", "with room"):
            for topic, ages in measure(sizes, how == "with room").items():
                median, late = summary(ages).values()
                lost = FRAMES - len(ages)
                print(f"{what:<12}{how:<12}{topic:<12}{median:>10.1f}{late:>8.1f}{lost:>6}")


def measure(sizes: dict[str, int], room: bool) -> dict[str, list[float]]:
    """Milliseconds from stamp to arrival, for each topic, between two processes on this machine."""
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="79")
    arguments = [f"{topic}={size}" for topic, size in sizes.items()]
    sender = subprocess.Popen([*_SELF, "send", "room" if room else "stock", *arguments])
    received = subprocess.run([*_SELF, "receive", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    sender.wait()
    ages = defaultdict(list)
    for line in received.stdout.splitlines():
        topic, age = line.split()
        ages[topic].append(float(age))
    return {topic: ages[topic] for topic in sizes}


def send(room: bool, sizes: dict[str, int]) -> None:
    """The sending process."""
    if room:
        from extreme3d_ros.nodes.transport import make_room

        make_room()
    import rclpy
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from extreme3d_ros.messages.images import layer_to_image
    from extreme3d_ros.nodes.qos import OBSERVATION

    rclpy.init()
    node = rclpy.create_node("sender")
    publishers = {topic: node.create_publisher(Image, topic, OBSERVATION) for topic in sizes}
    messages = {topic: layer_to_image(np.zeros((1, size), np.uint8), Header()) for topic, size in sizes.items()}
    while not all(publisher.get_subscription_count() for publisher in publishers.values()):
        time.sleep(0.1)
    for _ in range(FRAMES):
        for topic, publisher in publishers.items():
            messages[topic].header.stamp = node.get_clock().now().to_msg()
            publisher.publish(messages[topic])
        time.sleep(1 / RATE)
    time.sleep(1.0)


def receive(sizes: dict[str, int]) -> None:
    """The receiving process; prints a line for each message."""
    import rclpy
    from sensor_msgs.msg import Image

    from extreme3d_ros.nodes.qos import OBSERVATION

    rclpy.init()
    node = rclpy.create_node("receiver")

    def arrived(topic: str, data: bytes) -> None:
        print(topic, age_ms(data))

    for topic in sizes:
        node.create_subscription(Image, topic, partial(arrived, topic), OBSERVATION, raw=True)
    end = time.monotonic() + FRAMES / RATE + 5
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        send(sys.argv[2] == "room", {t: int(s) for t, s in (a.split("=") for a in sys.argv[3:])})
    elif sys.argv[1:2] == ["receive"]:
        receive({t: int(s) for t, s in (a.split("=") for a in sys.argv[2:])})
    else:
        main()
