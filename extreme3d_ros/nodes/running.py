"""Nodes as executables: brought up, and taken down in order."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from extreme3d_ros.errors import InputError
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.transport import make_room

_M_ARENA_MAX = -8  # malloc.h of the GNU C library


def run(make_nodes: Callable[[], Iterable[Node]], args: list[str] | None = None) -> int:
    """Brings nodes up, lets them work until Ctrl-C or SIGTERM, their callbacks in turns, and takes them down, the last
    one first. Returns the exit status."""
    _keep_one_heap()
    make_room()
    try:
        _init(args)
        _spin(make_nodes)
    except (InputError, ParameterException) as error:
        print(f"extreme3d: {error}", file=sys.stderr)
        return InputError.exit_status
    return 0


def _keep_one_heap() -> None:
    """Has the C library serve all threads from one heap; others than GNU's have one anyway.

    By default each thread gets its own. A node's large arrays are made by one thread and freed by another, so that
    there is room to spare in each. Python's lock lets threads allocate one after another as it is. Has an effect only
    before threads are started.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _init(args: list[str] | None) -> None:
    """Raises InputError where the arguments are none that ROS takes."""
    try:
        rclpy.init(args=args)
    except RuntimeError as error:
        said = str(error).split(", at /")[0]  # and where in rcl's source that was noticed
        said = " ".join(said.split())
        raise InputError(f"{said}; check what follows --ros-args, and the parameter file") from error


def _spin(make_nodes: Callable[[], Iterable[Node]]) -> None:
    nodes: list[Node] = []
    try:
        executor = SingleThreadedExecutor()
        for node in make_nodes():
            nodes.append(node)
            executor.add_node(node)
        for node in nodes:
            if isinstance(node, ManagedNode):
                node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():  # else a signal took the context from under a node that was still being made
            raise
    finally:
        _take_down(*reversed(nodes))


def _take_down(*nodes: Node) -> None:
    # A second Ctrl-C, a launcher's beside the terminal's, would leave a thread in the middle of a network, and the
    # interpreter would end in an abort. What is left to do takes a frame's time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for node in nodes:
        if hasattr(node, "close"):
            node.close()
        node.destroy_node()
    rclpy.try_shutdown()
