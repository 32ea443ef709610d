"""The nodes as child processes of `extreme3d run`."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

from extreme3d_ros.cli.measures import resident_mb
from extreme3d_ros.errors import Extreme3DError

_PR_SET_PDEATHSIG = 1  # sys/prctl.h of Linux


class NodeDied(Extreme3DError):
    """One of the processes ended by itself; it has said why."""


class Processes:
    """The nodes as child processes. nodes: by executable its ROS arguments."""

    def __init__(self, nodes: Mapping[str, list[str]]):
        self._children = {name: _start(name, arguments) for name, arguments in nodes.items()}

    def check(self) -> None:
        """Raises NodeDied if one has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                error = NodeDied(f"{name} ended with status {child.returncode}; its message stands above")
                error.exit_status = child.returncode if child.returncode in (2, 3, 4) else 1
                raise error

    def memory(self) -> str:
        """Resident memory of each, in a line."""
        sizes = {name: resident_mb(child.pid) for name, child in self._children.items()}
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


def _start(node: str, arguments: list[str]) -> subprocess.Popen:
    # A session of its own: Ctrl-C reaches this process alone, which then ends the children in order.
    return subprocess.Popen(
        [sys.executable, "-m", f"extreme3d_ros.nodes.{node}", "--ros-args", *arguments],
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """Asks Linux to end this child when its parent is gone, however that came about."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
