"""The package's nodes as child processes, and what these cost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """A process at a moment. seconds: of a clock that only runs on; cpu: seconds of processor; memory: MB resident."""

    seconds: float
    cpu: float
    memory: float

    def share_since(self, before: Cost) -> float:
        """Processor used since another moment, in percent of one core."""
        return 100 * (self.cpu - before.cpu) / (self.seconds - before.seconds)


class Child:
    """An executable of the package as a child process."""

    def __init__(self, name: str, *arguments: str):
        self.name = name
        command = [sys.executable, "-m", f"extreme3d_ros.nodes.{name}", "--ros-args", *arguments]
        self._process = subprocess.Popen(command)

    def cost(self) -> Cost:
        """What it has cost so far. Raises ProcessLookupError where it has ended."""
        if self._process.poll() is not None:
            raise ProcessLookupError(f"{self.name} ended with status {self._process.returncode}")
        with open(f"/proc/{self._process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime; the name before them may hold blanks
        return Cost(time.monotonic(), cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)

    def end(self) -> None:
        """Ends it, politely first."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
