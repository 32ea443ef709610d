"""Nodes as processes or in this one, and a listener; on import: a DDS domain of their own, and no network."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

REPOSITORY = Path(__file__).parent.parent
#: Has a node in any namespace read, or be, the usual camera.
CAMERA = ["-r", "image_raw:=/camera/image_raw", "-r", "camera_info:=/camera/camera_info"]

# For this process and those it starts.
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "SHM"
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)


def values(status):
    """Of a diagnostic status, by key."""
    return {pair.key: pair.value for pair in status.values}


def as_arguments(parameters):
    return [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]


class NodeProcess:
    """One of the package's executables."""

    def __init__(self, name, log, *arguments, **parameters):
        module, self._log = f"extreme3d_ros.nodes.{name}", Path(log)
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "--ros-args", *arguments, *as_arguments(parameters)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])},
            )

    @property
    def output(self):
        return self._log.read_text()

    @property
    def alive(self):
        return self.process.poll() is None

    def end(self, by=signal.SIGINT, timeout=20):
        """Sends a signal and returns the exit status."""
        if self.alive:
            self.process.send_signal(by)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed"


class Listener:
    """A node that records what it subscribes to. own: its context, rather than rclpy's default one."""

    def __init__(self, name="listener", own=True, **init):
        self.context = Context() if own else None
        rclpy.init(context=self.context, **init)
        self.node = Node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._reports = None

    def listen(self, kind, topic, qos, **options):
        """The list that the topic's messages will be added to."""
        received = []
        self.node.create_subscription(kind, topic, received.append, qos, **options)
        return received

    def wait(self, condition, seconds=30.0):
        """Spins until the condition gives something true; returns that, or the last false value."""
        end = time.monotonic() + seconds
        while not (result := condition()) and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        return result

    def spin(self, seconds):
        self.wait(lambda: False, seconds)

    def call(self, kind, name, request, seconds=20.0):
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        assert self.wait(client.service_is_ready, seconds), f"{name} is not there"
        future = client.call_async(request)
        assert self.wait(future.done, seconds), f"{name} does not answer"
        self.node.destroy_client(client)
        return future.result()

    def status(self, node, test=lambda status: True, seconds=40.0):
        """The next diagnostic status of a node that passes a test; None if there is none in time."""
        if self._reports is None:
            self._reports = self.listen(DiagnosticArray, "/diagnostics", 10)
        start = len(self._reports)

        def find():
            statuses = (report.status[0] for report in self._reports[start:])
            return next((status for status in statuses if status.name == node and test(status)), None)

        return self.wait(find, seconds)

    def set_parameter(self, node, name, value):
        """The result."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.call(SetParameters, f"{node}/set_parameters", request, 40).results[0]

    def state(self, node):
        return self.call(GetState, f"{node}/get_state", GetState.Request()).current_state.label

    def change(self, node, transition):
        """Whether a lifecycle node made a transition, by its name."""
        request = ChangeState.Request(transition=Transition(id=getattr(Transition, f"TRANSITION_{transition.upper()}")))
        return self.call(ChangeState, f"{node}/change_state", request, 60).success

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


class Bench(Listener):
    """Nodes in this process and their listener, which see nobody else; the parameters are of all of them."""

    _domains = itertools.count(os.getpid())  # in each its own: nobody sees those of the test before

    def __init__(self, *arguments, **parameters):
        arguments = ["--ros-args", *arguments, *as_arguments(parameters)]
        super().__init__("viewer", own=False, args=arguments, domain_id=1 + next(self._domains) % 100)
        self._nodes = []

    def add(self, node):
        self._executor.add_node(node)
        self._nodes.append(node)
        return node

    def close(self):
        for node in self._nodes:
            if hasattr(node, "close"):
                node.close()
            node.destroy_node()
        super().close()
