"""What the catalogue knows of a network: its file, inputs, limits and origin."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.engines.tensorrt_build import Shapes
from extreme3d_ros.errors import ModelFileError


@dataclass(frozen=True)
class Noise:
    """Values of a type, evenly spread from `low` to `high`."""

    type: str
    low: float
    high: float

    def __call__(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """An array of a shape."""
        values = random.uniform(self.low, self.high, shape)
        return (values if self.type.startswith("float") else np.rint(values)).astype(self.type)


@dataclass(frozen=True)
class Network:
    """An entry of the catalogue; data/networks.yaml says what the fields mean.

    path: the file's; shapes: of the inputs, whole; noise: of each input, or empty; limits: by output, of the largest
    and of the mean difference; remedy: what to do where the file is missing or broken.
    """

    name: str
    about: str
    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    noise: Mapping[str, Noise]
    limits: Mapping[str, tuple[float, float]]
    preprocessing: str
    licence: str
    origin: str
    remedy: str
    sha256: str = ""
    profiles: tuple[str, ...] = ()

    def require_file(self) -> None:
        """Raises ModelFileError where the file is not there."""
        if not os.path.exists(self.path):  # nor where a folder may not be entered
            raise ModelFileError(f"the network {self.name} has no file {self.path}: {self.remedy}")

    def verify(self) -> None:
        """Raises ModelFileError where the file is missing or has another SHA-256 than the entry says."""
        self.require_file()
        found = digest(self.path)
        if self.sha256 not in ("", found):
            raise ModelFileError(f"{self.path} is not the file that it should be (SHA-256 {found}): {self.remedy}")

    def open_shapes(self, found: Mapping[str, tuple]) -> Shapes:
        """The shapes of those inputs whose sizes the file leaves open.

        found: the inputs' as the file has them, where a size that is open is no int. Raises ModelFileError where the
        entry's are others.
        """
        if found.keys() != self.shapes.keys() or not all(_settles(self.shapes[name], found[name]) for name in found):
            raise ModelFileError(f"{self.path} takes {_text(found)}, not {_text(self.shapes)}: {self.remedy}")
        return {name: self.shapes[name] for name, shape in found.items() if shape != self.shapes[name]}


def _settles(shape: tuple[int, ...], found: tuple) -> bool:
    return len(shape) == len(found) and all(b == a or not isinstance(b, int) for a, b in zip(shape, found, strict=True))


def _text(shapes: Mapping[str, tuple]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
