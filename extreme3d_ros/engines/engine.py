"""What an engine is: a compiled network as a callable on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from extreme3d_ros.errors import ModelFileError


class Engine(Protocol):
    """Named arrays in, named arrays out, whoever runs it.

    shapes: of the inputs, by name, in the network's order; a size that the network leaves open is no int.
    outputs: their names. metadata: what the network's maker wrote into its ONNX file.
    about: for the log: runtime, version, device, and the precision where it isn't simply the file's.
    """

    @property
    def shapes(self) -> Mapping[str, tuple]: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def about(self) -> str: ...

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name, the caller's to keep.

        Raises ValueError where the inputs aren't those that the network wants, EngineError where the device fails or
        an output is not finite.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds; it isn't called afterwards. Closing twice is no error."""
        ...


#: Makes the engine of a network's file: `OnnxEngine`, an `Engines`.
EngineMaker = Callable[[Path], Engine]


class EngineError(ModelFileError):
    """A network that cannot be run as wanted on this machine: the device, its driver or its software."""


#: The message of an EngineError.
GPU_FULL = "the GPU's memory is full; close other programs on it, or take `cpu` as the device"


def finite(answer: dict[str, np.ndarray], inputs: Mapping[str, np.ndarray], network: str) -> dict[str, np.ndarray]:
    """An engine's answer, if all of it is numbers. network: what the error calls it.

    Raises EngineError where it is not, so that nothing made of it is shown; ValueError where the inputs are not either.
    """
    for name, values in answer.items():
        if not _finite(values):
            if not all(map(_finite, inputs.values())):
                raise ValueError("the network does not take such inputs: some are not finite")
            raise EngineError(f"{network} gives a {name} that is not finite: import or install the network again")
    return answer


def _finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
