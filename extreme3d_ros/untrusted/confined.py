"""A file that only large libraries can read, or that is a program, read in a process of its own: of limited memory and
time, and free to go down. Numbers come back, and nothing else."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import one_line, reason
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.npz import LARGEST, read_npz

#: Wall time that the process may take, seconds: reading 200 MB takes about 1 s.
PATIENCE = 120.0
_MEMORY, _SECONDS = 3 * LARGEST, 120


def read_confined(module: str, *arguments: str) -> dict[str, np.ndarray]:
    """The arrays that `python -m MODULE ARGUMENTS TARGET` leaves by `answer`. Raises Broken."""
    with tempfile.TemporaryDirectory(prefix="extreme3d_") as folder:
        target = Path(folder) / "arrays.npz"
        _run([sys.executable, "-m", module, *arguments, str(target)])
        try:
            return read_npz(target)
        except (OSError, ValueError) as error:
            raise Broken(f"its numbers did not come through: {reason(error)}") from None


def answer(read: Callable[[], dict[str, np.ndarray]], target: str) -> int:
    """The process's own part: 0 with the arrays in an npz file, or 1 with the reason in a line on stderr."""
    _confine()
    try:
        np.savez(target, **read())
    except Exception as error:  # a file made to do harm fails in ways that nobody can list
        text = str(error) if isinstance(error, Broken) else f"broken: {type(error).__name__}: {error}"
        print(one_line(text), file=sys.stderr)
        return 1
    return 0


def _confine() -> None:
    """Limits this process's memory, time and files; it starts no other one."""
    limits = {"AS": _MEMORY, "CPU": _SECONDS, "FSIZE": 2 * LARGEST, "CORE": 0, "NPROC": 0}
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def _run(command: list[str]) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # each thread takes of the process's limited memory
    try:
        done = subprocess.run(
            command,
            env=environment,
            timeout=PATIENCE,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"reading it takes more than {PATIENCE:.0f} s") from None
    if done.returncode < 0:
        raise Broken(f"its reader was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise Broken((done.stderr.strip().splitlines() or ["its reader failed"])[-1])
