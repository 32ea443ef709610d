"""When a node is too slow."""

from __future__ import annotations

from extreme3d_ros.nodes.settings import Setting
from extreme3d_ros.nodes.statistics import Statistics

MAX_LATENCY = Setting(
    "max_latency",
    0.5,
    "seconds from a frame's arrival to the end of the work on it; the diagnostics warn while the 95th percentile over "
    "the last hundred frames is above",
    limits=(0.001, 3600),
    live=True,
)


def lateness(statistics: Statistics, max_latency: float) -> str:
    """A line where the latency's 95th percentile is above `max_latency` (seconds); else empty."""
    p95 = statistics.values().get("latency_p95_ms", 0.0) * 1e-3
    if p95 <= max_latency:
        return ""
    return f"slow: 95 % of frames take up to {p95:.2f} s, above max_latency ({max_latency:g} s)"
