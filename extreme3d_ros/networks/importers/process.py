"""Pickled checkpoints, read in a process of their own: numbers come back, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.untrusted import confined

#: Wall time that the process may take, seconds.
PATIENCE = confined.PATIENCE


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
    program = "extreme3d_ros.networks.importers.unpickling"
    try:
        return confined.read_confined(program, content, str(path.absolute()), patience=PATIENCE)
    except confined.Unread as error:
        raise BrokenCheckpoint(str(error)) from None


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
