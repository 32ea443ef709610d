"""What is measured with, and on which machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

#: Rounds before the first that is timed.
WARM_UP = 3


def machine() -> str:
    """For the head of a table."""
    return f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"


def times_of(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds that work takes in each of so many rounds."""
    times = []
    for _ in range(WARM_UP + rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return times[WARM_UP:]


def median_and_p95(times: list[float]) -> tuple[float, float]:
    """Median and 95th percentile, to two decimals."""
    median, late = np.percentile(times, [50, 95]).tolist()
    return round(median, 2), round(late, 2)


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process, by its id, in 10^6 bytes (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) * 1.024e-3 for line in status.splitlines() if line.startswith("VmRSS"))
