"""The nodes as child processes of `extreme3d run`."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from extreme3d_ros.errors import Extreme3DError

NAMESPACE = "/face"
_CAMERA = "/camera"


class NodeDied(Extreme3DError):
    """One of the processes ended by itself; it has said why."""


def parameter(name: str, value: str | float) -> list[str]:
    """A parameter as arguments of a node. Values are YAML there, of which JSON is a part: a path may hold anything."""
    return ["-p", f"{name}:={json.dumps(value, ensure_ascii=False)}"]


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
        topic = f"{_CAMERA}/image_raw" if own_source else source
        remap = ["-r", f"image_raw:={topic}", "-r", f"camera_info:={topic.rsplit('/', 1)[0]}/camera_info"]
        if own_source:  # best effort loses large images between busy processes
            remap += parameter("reliability", "reliable")
        ply = parameter("ply_dir", str(out.resolve())) if out else []
        self._children = {
            "face_node": _start("face_node", NAMESPACE, remap + profile + device),
            "completion_node": _start("completion_node", NAMESPACE, ply + profile + references),
        }
        if own_source:
            settings = parameter("source", source) + parameter("rate", float(rate))
            self._children["image_source"] = _start("image_source", _CAMERA, settings)

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
