"""What a node reports of its work."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

import numpy as np

#: Seconds that the rate is taken over.
_RATE_SECONDS = 5.0


class Statistics:
    """Counts since the start, and times over the last hundred items; for several threads."""

    def __init__(self, window: int = 100):
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=window)
        self._ends: deque[float] = deque(maxlen=window)
        self._stages: dict[str, deque[float]] = {}

    def count(self, what: str) -> None:
        """Adds one to a count."""
        with self._lock:
            self._counts[what] += 1

    def __getitem__(self, what: str) -> int:
        with self._lock:
            return self._counts[what]

    def finished(self, latency_ms: float, stages_ms: dict[str, float]) -> None:
        """Notes an item that is done."""
        with self._lock:
            self._latencies.append(latency_ms)
            self._ends.append(time.monotonic())
            for stage, duration in stages_ms.items():
                self._stages.setdefault(stage, deque(maxlen=self._latencies.maxlen)).append(duration)

    def lateness(self, max_latency: float) -> str:
        """A line where the latency's 95th percentile is above `max_latency` (seconds); else empty."""
        p95 = self.values().get("latency_p95_ms", 0.0) * 1e-3
        if p95 <= max_latency:
            return ""
        return f"slow: 95 % of frames take up to {p95:.2f} s, above max_latency ({max_latency:g} s)"

    def values(self) -> dict[str, float]:
        """Rate over the last 5 seconds, median and 95th percentile of the latency, median time of each stage."""
        with self._lock:
            since = time.monotonic() - _RATE_SECONDS
            values = {"rate_hz": sum(end > since for end in self._ends) / _RATE_SECONDS}
            if self._latencies:
                median, p95 = np.percentile(self._latencies, [50, 95])
                values |= {"latency_median_ms": float(median), "latency_p95_ms": float(p95)}
            return values | {f"{stage}_ms": float(np.median(times)) for stage, times in self._stages.items()}
