"""Nodes as executables: brought up, and taken down in order."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from extreme3d_ros.errors import InputError
from extreme3d_ros.nodes.managed import ManagedNode
from extreme3d_ros.nodes.memory import keep_one_heap
from extreme3d_ros.nodes.transport import make_room


def run(make_node: Callable[[], Node], args: list[str] | None = None) -> int:
    """Brings a node up, lets it work until Ctrl-C or SIGTERM, and takes it down. Returns the exit status."""
    return run_together(lambda: [make_node()], args)


def run_together(make_nodes: Callable[[], Iterable[Node]], args: list[str] | None = None) -> int:
    """The same for several nodes in one process, whose callbacks take turns; the last one is taken down first."""
    keep_one_heap()
    make_room()
    try:
        _init(args)
        _spin(make_nodes)
    except (InputError, ParameterException) as error:
        print(f"extreme3d: {error}", file=sys.stderr)
        return InputError.exit_status
    return 0


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
