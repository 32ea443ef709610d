"""Processor time of candidates beside each other, and what times are summed up by."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np


def milliseconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median processor time of each call, of all threads of this process together.

    The calls take turns, so that what slows the machine slows all alike; a first turn is not counted.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(1 + rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            spent[name].append(1e3 * (time.process_time() - start))
    return {name: float(np.median(times[1:])) for name, times in spent.items()}


def of_machine() -> float:
    """Seconds of processor that everything on this machine has used (Linux)."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split(maxsplit=4)[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def summary(times: Iterable[float], digits: int = 3) -> dict[str, float]:
    """{"median", "p95"} of times, rounded to so many digits after the point; NaN of none."""
    found = np.array(list(times))
    median, late = np.percentile(found, [50, 95]) if len(found) else (np.nan, np.nan)
    return {"median": round(float(median), digits), "p95": round(float(late), digits)}
