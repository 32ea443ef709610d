"""What `extreme3d run` sees of the nodes: everything that they publish."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from visualization_msgs.msg import Marker

from extreme3d_ros.cli.node_arguments import NAMESPACE
from extreme3d_ros.messages.observation import TOPICS
from extreme3d_ros.messages.stamps import age_ms
from extreme3d_ros.nodes.qos import MESH, OBSERVATION
from extreme3d_ros.nodes.synchronizer import StampSynchronizer


class Watcher:
    """Subscribes to everything the nodes publish, counts it, and keeps the newest whole observation."""

    def __init__(self):
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
        self._ages[topic].append(age_ms(data))
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
