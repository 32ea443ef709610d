"""The reading of a pickled checkpoint in a process of its own: numbers come back, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.npz import BROKEN, read_npz

#: Wall time that the process may take, seconds: reading 200 MB takes about 1 s.
PATIENCE = 120.0


class BrokenCheckpoint(Exception):
    """A checkpoint that is not what it should be; the message says why in a few words."""


@dataclass(frozen=True)
class Checkpoint:
    """tensors: by their names in the module's state dict; settings: the layers' hyperparameters by `layer.name`."""

    tensors: dict[str, np.ndarray]
    settings: dict[str, np.ndarray]


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a file of `torch.save(module, path)`. Raises BrokenCheckpoint."""
    arrays = _read("module", path)
    return Checkpoint(_under("tensors/", arrays), _under("settings/", arrays))


def read_state(path: Path) -> dict[str, np.ndarray]:
    """The tensors of `torch.save(state_dict, path)` in the file's order; where dicts hold the state dict, with their
    keys before the names. Raises BrokenCheckpoint."""
    return _under("tensors/", _read("state", path))


def _read(content: str, path: Path) -> dict[str, np.ndarray]:
    """content: what unpickling.py is told to expect."""
    with tempfile.TemporaryDirectory(prefix="extreme3d_") as folder:
        target = Path(folder) / "arrays.npz"
        _unpickle(content, path, target)
        try:
            return read_npz(target)
        except BROKEN as error:
            raise BrokenCheckpoint(f"its numbers did not come through: {error}") from None


def _unpickle(content: str, path: Path, target: Path) -> None:
    program = [sys.executable, "-m", "extreme3d_ros.networks.importers.unpickling"]
    command = [*program, content, str(path.absolute()), str(target)]
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
        raise BrokenCheckpoint(f"reading it takes more than {PATIENCE:.0f} s") from None
    if done.returncode < 0:
        raise BrokenCheckpoint(f"its reader was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise BrokenCheckpoint((done.stderr.strip().splitlines() or ["its reader failed"])[-1])


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
