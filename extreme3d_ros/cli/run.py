"""`extreme3d run`: both nodes and an image source as processes, without ros2 launch, watched by a process of its own."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from extreme3d_ros.cli.files import output_folder, png
from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.output.atomic import write_bytes

NAMESPACE = "/face"
CAMERA = "/camera"
#: The first start compiles the numerical kernels, which takes about a minute on a small machine.
FIRST_MESH_TIMEOUT = 180.0
_MAPS = ("crop/image", "crop/camera_info", "bump_map", "mask", "occlusion", "foundation", "pose", "bump_map_filled")


class NodeDied(Extreme3DError):
    """One of the processes ended by itself; it has said why."""


def run(arguments) -> int:
    """Runs the command until its seconds are over or Ctrl-C; 0 when all went well."""
    try:
        import rclpy
    except ImportError as error:
        raise InputError("rclpy is not installed: source your ROS 2, or pip install 'extreme3d_ros[ros]'") from error
    out = output_folder(arguments.out) if arguments.out else None
    own_source = not arguments.source.startswith("/") or Path(arguments.source).exists()
    if own_source:
        _stay_on_this_machine()
    processes = Processes(arguments.source, own_source, arguments.rate, out)
    rclpy.init()
    try:
        watcher = Watcher()
        _watch(watcher, processes, arguments.seconds)
        table = watcher.table() + "\n" + processes.memory()
        if out:
            _leave_results(watcher, processes, out, table)
        print(table)
    except KeyboardInterrupt:
        pass
    finally:
        processes.stop()
        rclpy.try_shutdown()
    return 0


def _stay_on_this_machine() -> None:
    """Lets this command's processes, and viewers on this machine, find each other, and sends nothing elsewhere."""
    if "FASTDDS_BUILTIN_TRANSPORTS" not in os.environ:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        os.environ.setdefault("ROS_STATIC_PEERS", "127.0.0.1")


class Processes:
    """The nodes as child processes."""

    def __init__(self, source: str, own_source: bool, rate: float, out: Path | None):
        topic = f"{CAMERA}/image_raw" if own_source else source
        remap = ["-r", f"image_raw:={topic}", "-r", f"camera_info:={topic.rsplit('/', 1)[0]}/camera_info"]
        ply = ["-p", f"ply_dir:={out.resolve()}"] if out else []
        self._children = {
            "face_node": _start("face_node", NAMESPACE, remap),
            "completion_node": _start("completion_node", NAMESPACE, ply),
        }
        if own_source:
            settings = ["-p", f"source:='{source}'", "-p", f"rate:={float(rate)}"]
            self._children["image_source"] = _start("image_source", CAMERA, settings)

    def check(self) -> None:
        """Raises NodeDied if one has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                error = NodeDied(f"{name} ended with status {child.returncode}; its message stands above")
                error.exit_status = child.returncode if child.returncode in (2, 3, 4) else 1
                raise error

    def memory(self) -> str:
        """Resident memory of each, in a line."""
        sizes = {name: _resident_mb(child.pid) for name, child in self._children.items()}
        return "memory: " + ", ".join(f"{name} {size:.0f} MB" for name, size in sizes.items())

    def stop(self) -> None:
        """Ends them, politely first."""
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 10
        for child in self._children.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start(node: str, namespace: str, arguments: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", f"extreme3d_ros.nodes.{node}", "--ros-args", "-r", f"__ns:={namespace}", *arguments]
    # A session of its own: Ctrl-C reaches this process alone, which then ends the children in order.
    return subprocess.Popen(command, start_new_session=True)


def _resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


class Watcher:
    """Subscribes to everything the nodes publish, counts it, and keeps the newest of each."""

    def __init__(self):
        import rclpy
        from geometry_msgs.msg import PoseStamped
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import CameraInfo, Image, PointCloud2
        from visualization_msgs.msg import Marker

        types = defaultdict(lambda: Image, {"crop/camera_info": CameraInfo, "foundation": PointCloud2, "pose": PoseStamped})
        self.node = rclpy.create_node("extreme3d_run")
        self.newest: dict[str, bytes] = {}
        self._ages: dict[str, list[float]] = defaultdict(list)
        self._types = {**{topic: types[topic] for topic in _MAPS}, "mesh": Marker}
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        for topic, kind in self._types.items():
            self.node.create_subscription(
                kind, f"{NAMESPACE}/{topic}", self._receiver(topic), latched if topic == "mesh" else reliable, raw=True
            )
        self._since = time.monotonic()

    def _receiver(self, topic: str):
        def receive(data: bytes) -> None:
            seconds, nanoseconds = struct.unpack_from("<iI", data, 4)  # every type here starts with its header's stamp
            self._ages[topic].append((time.time_ns() - seconds * 10**9 - nanoseconds) / 1e6)
            self.newest[topic] = bytes(data)

        return receive

    def restart(self) -> None:
        """Forgets what was counted so far."""
        self._ages.clear()
        self._since = time.monotonic()

    def table(self) -> str:
        """Rates and latencies (from the image's stamp to here) of each topic."""
        seconds = time.monotonic() - self._since
        lines = [f"{'topic':<24}{'Hz':>7}{'median ms':>11}{'p95 ms':>9}"]
        for topic in self._types:
            ages = self._ages[topic]
            median, late = np.percentile(ages, [50, 95]) if ages else (np.nan, np.nan)
            lines.append(f"{NAMESPACE + '/' + topic:<24}{len(ages) / seconds:>7.1f}{median:>11.0f}{late:>9.0f}")
        return "\n".join(lines)

    def message(self, topic: str):
        """The newest message of a topic. Raises InputError where there was none."""
        from rclpy.serialization import deserialize_message

        if topic not in self.newest:
            raise InputError(f"nothing was received on {NAMESPACE}/{topic}: does the source show a face?")
        return deserialize_message(self.newest[topic], self._types[topic])


def _watch(watcher: Watcher, processes: Processes, seconds: float | None) -> None:
    """Waits for the first mesh, then watches for so long."""
    import rclpy

    started = time.monotonic()
    while "mesh" not in watcher.newest:
        processes.check()
        rclpy.spin_once(watcher.node, timeout_sec=0.2)
        if seconds is not None and time.monotonic() - started > FIRST_MESH_TIMEOUT:
            raise InputError(f"no mesh within {FIRST_MESH_TIMEOUT:.0f} s: does the source show a face?")
    print(f"first mesh after {time.monotonic() - started:.1f} s", flush=True)
    watcher.restart()
    end = np.inf if seconds is None else time.monotonic() + seconds
    while time.monotonic() < end:
        processes.check()
        rclpy.spin_once(watcher.node, timeout_sec=0.2)


def _leave_results(watcher: Watcher, processes: Processes, out: Path, table: str) -> None:
    """The newest mesh as PLY (by the node's own service), the figure of it, and the table."""
    ply = _save_ply(watcher)
    write_bytes(out / "figure.png", png(_figure(watcher, ply)))
    write_bytes(out / "table.txt", (table + "\n").encode())
    print(f"left in {out}: {ply.name}, figure.png, table.txt")


def _save_ply(watcher: Watcher) -> Path:
    import rclpy
    from std_srvs.srv import Trigger

    client = watcher.node.create_client(Trigger, f"{NAMESPACE}/save_ply")
    client.wait_for_service(5.0)
    future = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(watcher.node, future, timeout_sec=30.0)
    if not future.done() or not future.result().success:
        raise InputError(f"the mesh was not saved: {future.result().message if future.done() else 'no answer'}")
    return Path(future.result().message)


def _figure(watcher: Watcher, ply: Path) -> np.ndarray:
    import trimesh

    from extreme3d_ros.face_model import load_face_model
    from extreme3d_ros.messages import from_messages
    from extreme3d_ros.output.figure import figure

    crop, foundation, layers = from_messages(**{t: watcher.message(t) for t in ()})
    mesh = trimesh.load(ply, process=False)
    return figure(crop, foundation, layers, (mesh.vertices, mesh.faces), load_face_model().faces)
