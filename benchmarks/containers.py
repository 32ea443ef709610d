"""The nodes arranged as two processes or as one, and what their processes cost; and rclpy's executors compared.

.venv/bin/python -m benchmarks.containers
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from dataclasses import dataclass

#: The executables that make up each arrangement.
ARRANGEMENTS = {"two processes": ["face_node", "completion_node"], "face_container": ["face_container"]}
EXECUTORS = ["SingleThreadedExecutor", "EventsExecutor"]

#: Seconds for an executor's trial.
_PATIENCE = 20.0

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """A process at a moment. seconds: of a clock that only runs on; cpu: seconds of processor; memory: MB resident."""

    seconds: float
    cpu: float
    memory: float

    def share_since(self, before: Cost) -> float:
        """Processor used since another moment, in percent of one core."""
        return 100 * (self.cpu - before.cpu) / (self.seconds - before.seconds)


class Child:
    """An executable of the package as a child process."""

    def __init__(self, name: str, *arguments: str):
        self.name = name
        command = [sys.executable, "-m", f"extreme3d_ros.nodes.{name}", "--ros-args", *arguments]
        self._process = subprocess.Popen(command)

    def cost(self) -> Cost:
        """What it has cost so far. Raises ProcessLookupError where it has ended."""
        if self._process.poll() is not None:
            raise ProcessLookupError(f"{self.name} ended with status {self._process.returncode}")
        with open(f"/proc/{self._process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime; the name before them may hold blanks
        return Cost(time.monotonic(), cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)

    def end(self) -> None:
        """Ends it, politely first."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def try_executor(name: str, seconds: float = 4.0) -> None:
    """Prints how many of a 10 Hz timer's calls and of 15 messages a second of 0.9 MB came, and the processor used."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.experimental import EventsExecutor
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image

    rclpy.init()
    sender, receiver = rclpy.create_node("sender"), rclpy.create_node("receiver")
    executor = EventsExecutor() if name == "EventsExecutor" else SingleThreadedExecutor()
    executor.add_node(receiver)
    ticks, messages = [], []
    receiver.create_timer(0.1, lambda: ticks.append(0))
    receiver.create_subscription(Image, "executor_images", lambda _: messages.append(0), 1, raw=True)
    threading.Thread(target=executor.spin, daemon=True).start()
    publisher, image = sender.create_publisher(Image, "executor_images", 1), bytes(640 * 480 * 3)
    serialized = serialize_message(Image(data=array("B", image)))
    start = time.monotonic(), time.process_time()
    for _ in range(int(15 * seconds)):
        publisher.publish(serialized)
        time.sleep(1 / 15)
    share = 100 * (time.process_time() - start[1]) / (time.monotonic() - start[0])
    came = f"{len(ticks)} of {10 * seconds:.0f} ticks, {len(messages)} of {15 * seconds:.0f} messages"
    print(f"{name:<24}{came}, {share:.1f} % of a core")
    sys.stdout.flush()
    os._exit(0)  # the executor's thread still spins


def main() -> None:
    """A line for each executor."""
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="76")
    for name in EXECUTORS:
        try:
            subprocess.run([sys.executable, "-m", "benchmarks.containers", name], check=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            print(f"{name:<24}hangs and holds the interpreter's lock; killed after {_PATIENCE:.0f} s")


if __name__ == "__main__":
    try_executor(sys.argv[1]) if sys.argv[1:] else main()
