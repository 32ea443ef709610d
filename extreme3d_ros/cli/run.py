"""`extreme3d run`: an image source and both nodes as processes, without ros2 launch; this process watches them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from extreme3d_ros.cli.files import output_folder, png
from extreme3d_ros.cli.options import engines_of
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import Extreme3DError, InputError
from extreme3d_ros.face_model import FaceModel
from extreme3d_ros.nodes.synchronizer import StampSynchronizer, stamp_of
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.profiles import face_model_of, layers_of, shape_network_of
from extreme3d_ros.references.default import NONE, feature_of, references_of

NAMESPACE = "/face"
CAMERA = "/camera"
#: The first start compiles the numerical kernels, which takes about a minute on a small machine.
FIRST_MESH_TIMEOUT = 180.0


class NodeDied(Extreme3DError):
    """One of the processes ended by itself; it has said why."""


def run(arguments) -> int:
    """Runs the command until its seconds are over or Ctrl-C; 0 when all went well."""
    try:
        import rclpy
        from rclpy.signals import SignalHandlerOptions
    except ImportError as error:
        raise InputError("rclpy is not installed: source your ROS 2, or pip install 'extreme3d_ros[ros]'") from error
    model = face_model_of(arguments.profile, arguments.face_model)
    profile = _check_profile(arguments.profile, arguments.face_model, model)
    device = _check_device(arguments)
    references = _check_references(arguments.references, model)
    out = output_folder(arguments.out) if arguments.out else None
    own_source = not _is_topic(arguments.source)
    if own_source:
        _check(arguments.source)
        _stay_on_this_machine()
    # rclpy's own handlers pull the context from under a spinning node; here signals are ordinary exceptions.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    processes = Processes(arguments.source, own_source, arguments.rate, out, profile, device, references)
    try:
        watcher = Watcher()
        _watch(watcher, processes, arguments.seconds)
        table = watcher.table() + "\n" + processes.memory()
        print(table, flush=True)
        if out:
            _leave_results(watcher, out, table, model)
    except KeyboardInterrupt:
        pass
    finally:
        processes.stop()
        rclpy.try_shutdown()
    return 0


def _is_topic(source: str) -> bool:
    """Whether a source names an image topic; what looks like a file, or is one, does not."""
    return source.startswith("/") and not Path(source).suffix and not Path(source).exists()


def _check(source: str) -> None:
    """Raises InputError where a source gives no image, before anything is started for it."""
    from extreme3d_ros.nodes.image_source import images

    next(images(source))


def _check_profile(profile: str, face_model: str, model: FaceModel) -> list[str]:
    """The nodes' arguments for a profile and the file of a face model, here loaded. Raises ModelFileError where they
    cannot be used: once, not from both nodes."""
    shape_network_of(profile, model, OnnxEngine), layers_of(profile, model, OnnxEngine)
    path = str(Path(face_model).absolute()) if face_model else ""
    return ["-p", f"profile:={profile}", "-p", f"face_model:='{path}'"]


def _check_device(arguments) -> list[str]:
    """face_node's arguments for what runs the networks. Raises InputError where a device that is demanded cannot be
    had."""
    if arguments.device != "auto":
        engines_of(arguments).close()
    return ["-p", f"device:='{arguments.device}'", "-p", f"precision:={arguments.precision}"]


def _check_references(folder: str, model: FaceModel) -> list[str]:
    """completion_node's argument for a gallery. Raises ModelFileError where it cannot be used."""
    feature_of(references_of(folder, model.name), model)
    path = str(Path(folder).expanduser().absolute()) if folder not in ("", NONE) else folder
    return ["-p", f"references:='{path}'"]


def _stay_on_this_machine() -> None:
    """Lets this command's processes, and viewers on this machine, find each other, and sends nothing elsewhere."""
    if "FASTDDS_BUILTIN_TRANSPORTS" not in os.environ:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        os.environ.setdefault("ROS_STATIC_PEERS", "127.0.0.1")


class Processes:
    """The nodes as child processes. profile: arguments of both; device: of face_node; references: of
    completion_node."""

    def __init__(
        self,
        source: str,
        own_source: bool,
        rate: float,
        out: Path | None,
        profile: list[str],
        device: list[str],
        references: list[str],
    ):
        topic = f"{CAMERA}/image_raw" if own_source else source
        remap = ["-r", f"image_raw:={topic}", "-r", f"camera_info:={topic.rsplit('/', 1)[0]}/camera_info"]
        if own_source:  # best effort loses large images between busy processes
            remap += ["-p", "reliability:=reliable"]
        ply = ["-p", f"ply_dir:={out.resolve()}"] if out else []
        self._children = {
            "face_node": _start("face_node", NAMESPACE, remap + profile + device),
            "completion_node": _start("completion_node", NAMESPACE, ply + profile + references),
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
        """Ends them, politely first; one that is still importing ends at once and without a word."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + 10
        for child in self._children.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start(node: str, namespace: str, arguments: list[str]) -> subprocess.Popen:
    ros_arguments = ["--ros-args", "-r", f"__ns:={namespace}", *arguments]
    # A session of its own: Ctrl-C reaches this process alone, which then ends the children in order.
    return subprocess.Popen(
        [sys.executable, "-m", f"extreme3d_ros.nodes.{node}", *ros_arguments],
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """Asks Linux to end this child when its parent is gone, however that came about."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_PR_SET_PDEATHSIG = 1


def _resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


class Watcher:
    """Subscribes to everything the nodes publish, counts it, and keeps the newest whole observation."""

    def __init__(self):
        import rclpy
        from sensor_msgs.msg import Image
        from visualization_msgs.msg import Marker

        from extreme3d_ros.messages.observation import TOPICS
        from extreme3d_ros.nodes.qos import MESH, OBSERVATION

        self.node = rclpy.create_node("extreme3d_run")
        self.observation: Mapping[str, bytes] | None = None
        self._synchronizer = StampSynchronizer(TOPICS)
        self._ages: dict[str, list[float]] = {}
        for topic, kind in {**TOPICS, "bump_map_filled": Image, "mesh": Marker}.items():
            self._ages[topic] = []
            quality = MESH if topic == "mesh" else OBSERVATION
            receive = partial(self._receive, topic, topic in TOPICS)
            self.node.create_subscription(kind, f"{NAMESPACE}/{topic}", receive, quality, raw=True)
        self._since = time.monotonic()

    @property
    def meshes(self) -> int:
        """How many meshes came."""
        return len(self._ages["mesh"])

    def _receive(self, topic: str, of_observation: bool, data: bytes) -> None:
        seconds, nanoseconds = stamp_of(data)
        self._ages[topic].append((time.time_ns() - seconds * 10**9 - nanoseconds) / 1e6)
        if of_observation:
            self.observation = self._synchronizer.add(topic, data) or self.observation

    def restart(self) -> None:
        """Forgets what was counted so far."""
        for ages in self._ages.values():
            ages.clear()
        self._since = time.monotonic()

    def table(self) -> str:
        """Rates and latencies (from the image's stamp to here) of each topic."""
        seconds = time.monotonic() - self._since
        lines = [f"{'topic':<24}{'Hz':>7}{'median ms':>11}{'p95 ms':>9}"]
        for topic, ages in self._ages.items():
            median, late = np.percentile(ages, [50, 95]) if ages else (np.nan, np.nan)
            lines.append(f"{NAMESPACE + '/' + topic:<24}{len(ages) / seconds:>7.1f}{median:>11.0f}{late:>9.0f}")
        return "\n".join(lines)


def _watch(watcher: Watcher, processes: Processes, seconds: float | None) -> None:
    """Waits for the first mesh, then watches for so long."""
    import rclpy

    started = time.monotonic()
    while not watcher.meshes:
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


def _leave_results(watcher: Watcher, out: Path, table: str, model: FaceModel) -> None:
    """The newest mesh as PLY (by the node's own service), the figure of it, and the table."""
    ply = _save_ply(watcher)
    write_bytes(out / "figure.png", png(_figure(watcher, ply, model)))
    write_bytes(out / "table.txt", (table + "\n").encode())
    print(f"left in {out}: {ply.name}, figure.png, table.txt")


def _save_ply(watcher: Watcher) -> Path:
    import rclpy
    from rclpy.client import Client
    from std_srvs.srv import Trigger

    client: Client = watcher.node.create_client(Trigger, f"{NAMESPACE}/save_ply")
    client.wait_for_service(5.0)
    future = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(watcher.node, future, timeout_sec=30.0)
    answer = future.result()
    if answer is None or not answer.success:
        raise InputError(f"the mesh was not saved: {answer.message if answer else 'no answer'}")
    return Path(answer.message)


def _figure(watcher: Watcher, ply: Path, model: FaceModel) -> np.ndarray:
    """The figure of the newest observation and the mesh in a file. model: the one that both nodes use."""
    import trimesh
    from rclpy.serialization import deserialize_message

    from extreme3d_ros.messages.observation import TOPICS, messages_to_observation
    from extreme3d_ros.output.figure import figure

    if watcher.observation is None:
        raise InputError("no figure: no observation came whole; look for lost messages in the table")
    messages = {topic: deserialize_message(data, TOPICS[topic]) for topic, data in watcher.observation.items()}
    seen = messages_to_observation(messages)
    loaded: Any = trimesh.load(ply, process=False)  # of a PLY file a Trimesh with colours
    mesh = (loaded.vertices, loaded.faces, loaded.visual.vertex_colors[:, :3])
    return figure(seen.crop, seen.foundation, seen.layers, mesh, model.faces)
