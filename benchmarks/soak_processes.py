"""Processes to be watched and killed, and what killed ones leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import trimesh

from benchmarks.containers import Child

_SHARED = Path("/dev/shm")


@dataclass(frozen=True)
class Held:
    """What a process holds. memory: MB of its own, which are not pages of files or of shared memory, Fast DDS's among
    them; handles: open files; threads."""

    memory: float
    handles: int
    threads: int


class Mortal(Child):
    """A node as a child process that can be looked at and killed."""

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def held(self) -> Held:
        """What it holds now. Raises ProcessLookupError where it has ended."""
        self.cost()
        process = Path(f"/proc/{self._process.pid}")
        sizes = dict(line.split()[:2] for line in (process / "smaps_rollup").read_text().splitlines()[1:])
        counts = (len(os.listdir(process / part)) for part in ("fd", "task"))
        return Held(int(sizes["Pss_Anon:"]) / 1024, *counts)

    def segments(self) -> set[Path]:
        """Its Fast DDS segments of shared memory: those that it made, and those that it reads from; none where it has
        ended."""
        if not self.alive:
            return set()
        lines = Path(f"/proc/{self._process.pid}/maps").read_text().splitlines()
        return {Path(line.split()[-1]) for line in lines if f"{_SHARED}/fastdds_" in line and "_port" not in line}

    def kill(self) -> None:
        """Ends it as the kernel does when memory is short: at once, wherever it is."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class Camera(Mortal):
    """The generated video. stay: one face that stays in view."""

    def __init__(self, namespace: str, stay: bool = False):
        self.name = "soak_source"
        command = [sys.executable, "-m", "benchmarks.soak_source", *["--stay"] * stay]
        self._process = subprocess.Popen([*command, "--ros-args", "-r", f"__ns:={namespace}"])


def is_whole(ply: Path) -> bool:
    """Whether a PLY file is one that can be read, with triangles."""
    try:
        return len(trimesh.load_mesh(ply, process=False).faces) > 0
    except (ValueError, IndexError):
        return False


def megabytes(files: set[Path]) -> float:
    """What files in memory take, without those that are gone."""
    return sum(file.stat().st_blocks * 512 for file in files if file.exists()) / 1e6
