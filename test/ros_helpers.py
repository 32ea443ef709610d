"""Nodes as processes, and a listener, on a DDS domain of their own and without the network."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

REPOSITORY = Path(__file__).parent.parent


def keep_to_this_machine():
    """For this process and those it starts; before rclpy.init."""
    os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "SHM"
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)


class NodeProcess:
    """One of the package's executables."""

    def __init__(self, name, log, *arguments, **parameters):
        given = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
        self._log = Path(log)
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"extreme3d_ros.nodes.{name}", "--ros-args", *arguments, *given],
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
    """A node that records what it subscribes to."""

    def __init__(self, name="listener"):
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

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

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
