"""What benchmarks.load measures of processes and messages, and how it shows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.clocks import of_machine
from benchmarks.containers import Child


class Window:
    """Some seconds, slept through. shares: percent of a core, of each process; others: of all other processes."""

    def __init__(self, children: Sequence[Child], seconds: float):
        self.seconds = seconds
        self._start, machine, before = time.time_ns(), of_machine(), [child.cost() for child in children]
        time.sleep(seconds)
        after, spent = [child.cost() for child in children], of_machine() - machine
        self._end = time.time_ns()
        self.shares = [cost.share_since(was) for was, cost in zip(before, after)]
        self.others = max(100 * spent / seconds - sum(self.shares), 0.0)

    def holds(self, moments: np.ndarray) -> np.ndarray:
        """(N,) bool: which of (N,) nanoseconds lie in it."""
        return (moments > self._start) & (moments < self._end)

    def within(self, entries: np.ndarray) -> np.ndarray:
        """Those of (N, 2) entries whose second column, their arrival, lies in it. SystemExit where there are fewer
        than three."""
        found = entries[self.holds(entries[:, 1])]
        if len(found) < 3:
            raise SystemExit(f"only {len(found)} messages came in {self.seconds:.0f} s; give more --seconds")
        return found


def ages(entries: np.ndarray) -> np.ndarray:
    """Milliseconds from stamp to arrival, of (N, 2) nanoseconds."""
    return (entries[:, 1] - entries[:, 0]) / 1e6


def shared_mb(child: Child) -> float:
    """MB of shared memory that a process has touched."""
    lines = Path(f"/proc/{child._process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("RssShmem"))


def print_table(rows: Iterable[dict[str, object]]) -> None:
    """Prints rows as they are made, the columns' names above the first."""
    for number, row in enumerate(rows):
        first, *names = row
        if not number:
            print(f"{first:<38}" + "".join(f"{name:>{_width(name)}}" for name in names))
        print(f"{row[first]:<38}" + "".join(f"{row[name]:>{_width(name)}.1f}" for name in names), flush=True)
    print()


def _width(name: str) -> int:
    return max(len(name), 6) + 2
