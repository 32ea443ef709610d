"""`extreme3d run`: an image source and both nodes as processes, without ros2 launch; this process watches them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extreme3d_ros.cli.files import output_folder, png
from extreme3d_ros.cli.node_arguments import NAMESPACE, nodes_of
from extreme3d_ros.cli.processes import Processes
from extreme3d_ros.errors import InputError
from extreme3d_ros.face_model import FaceModel
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.profiles import face_model_of

if TYPE_CHECKING:  # it needs ROS, which may not be installed
    from extreme3d_ros.cli.watcher import Watcher

#: The first start compiles the numerical kernels, which takes about a minute on a small machine.
FIRST_MESH_TIMEOUT = 180.0


def run(arguments) -> int:
    """Runs the command until its seconds are over or Ctrl-C; 0 when all went well."""
    try:
        import rclpy
        from rclpy.signals import SignalHandlerOptions

        from extreme3d_ros.cli.watcher import Watcher
    except ImportError as error:
        raise InputError("rclpy is not installed: source your ROS 2, or pip install 'extreme3d_ros[ros]'") from error
    model = face_model_of(arguments.profile, arguments.face_model)
    nodes = nodes_of(arguments, model)
    out = output_folder(arguments.out) if arguments.out else None
    if "image_source" in nodes:
        _stay_on_this_machine()
    # rclpy's own handlers pull the context from under a spinning node; here signals are ordinary exceptions.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    processes = Processes(nodes)
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


def _stay_on_this_machine() -> None:
    """Lets this command's processes, and viewers on this machine, find each other, and sends nothing elsewhere."""
    if "FASTDDS_BUILTIN_TRANSPORTS" not in os.environ:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        os.environ.setdefault("ROS_STATIC_PEERS", "127.0.0.1")


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
