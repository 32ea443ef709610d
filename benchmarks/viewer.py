"""A node in the benchmark's own process that watches what the package's nodes publish."""

from __future__ import annotations

import time
from collections.abc import Callable


class Viewer:
    """Takes messages still serialized: making objects of them would be most of the work."""

    def __init__(self):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        rclpy.init()
        self.node = rclpy.create_node("viewer")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._subscriptions: dict[str, object] = {}

    def watch(self, kind: type, topic: str, take: Callable[[bytes], None], qos: object) -> None:
        """Begins to watch a topic, if it isn't watched."""
        if topic not in self._subscriptions:
            self._subscriptions[topic] = self.node.create_subscription(kind, topic, take, qos, raw=True)

    def rest(self) -> None:
        """Watches no more."""
        for subscription in self._subscriptions.values():
            self.node.destroy_subscription(subscription)
        self._subscriptions = {}

    def spin(self, seconds: float, until: Callable[[], object] = lambda: False) -> bool:
        """Listens for so long, or until something is so; whether it is."""
        end = time.monotonic() + seconds
        while not until():
            if (left := end - time.monotonic()) <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.1))
        return True
