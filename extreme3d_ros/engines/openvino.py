"""A network by OpenVINO, on the CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Lock
from types import ModuleType

import numpy as np

from extreme3d_ros.engines.engine import EngineError, finite
from extreme3d_ros.engines.onnx import read_network

INSTALL = "pip install 'openvino>=2025.0'"
#: In a network's metadata: the SHA-256 of the file that it is the 8-bit version of (training/quantise.py).
QUANTISED_FROM = "quantised_from"
_CONVERTER = "openvino.tools.ovc"


class OpenVinoEngine:
    """An ONNX file as a callable: named arrays in, named arrays out."""

    def __init__(self, path: Path, threads: int = 2, precision: str = "f32"):
        """precision: that of what the file has in single or half precision, f32 or bf16, which CPUs without AMX are
        slow at; what it has in 8 bits is calculated in 8 bits.

        Raises ModelFileError where the file is missing, EngineError where OpenVINO is, or cannot run it.
        """
        data, self._path = read_network(path), path
        openvino = load_openvino()
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the other node's threads work on the same cores
        }
        try:
            core = openvino.Core()
            network = core.read_model(data)
            self.metadata = _metadata(network)
            # A compiled network's outputs have the names of inner nodes too.
            self.outputs = tuple(value.any_name for value in network.outputs)
            self._request = core.compile_model(network, "CPU", settings).create_infer_request()
        except Exception as error:  # OpenVINO's errors have no common base
            raise EngineError(f"OpenVINO cannot run {path} ({_reason(error)})") from error
        self.shapes = {value.any_name: tuple(map(_size, value.partial_shape)) for value in network.inputs}
        self._types = {value.any_name: value.element_type.to_dtype() for value in network.inputs}
        bits = "int8" if QUANTISED_FROM in self.metadata else precision
        version = openvino.__version__.partition("-")[0]
        self.about = f"OpenVINO {version} on cpu, {threads} threads, {bits}"
        self._lock = Lock()  # a request answers one at a time

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name. Raises ValueError where inputs are not those that the network wants, EngineError
        where an output is not finite."""
        self._require(inputs)
        try:
            with self._lock:
                found = self._request.infer(inputs, share_inputs=True)
                answer = dict(zip(self.outputs, found.values(), strict=True))
        except RuntimeError as error:
            raise ValueError(f"the network does not take such inputs: {_reason(error)}") from error
        return finite(answer, inputs, str(self._path))

    def close(self) -> None:
        """Nothing to do: OpenVINO frees its memory with the request."""

    def _require(self, inputs: dict[str, np.ndarray]) -> None:
        """OpenVINO itself would take the last call's array for a missing input, and convert other types."""
        given = {name: value.dtype for name, value in inputs.items()}
        if given != self._types:
            raise ValueError(f"the network does not take such inputs: {_listed(given)}, but {_listed(self._types)}")


def load_openvino() -> ModuleType:
    """The package. Raises EngineError where it is missing or doesn't load."""
    # Its converter, which isn't needed here, reports every import to its maker by the network; without it OpenVINO
    # loads as well.
    barred = _CONVERTER not in sys.modules
    if barred:
        sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # bars the import; typeshed knows modules only
    try:
        import openvino
    except ModuleNotFoundError:
        raise EngineError(f"OpenVINO is not installed: {INSTALL}") from None
    except Exception as error:  # broken libraries fail in many ways
        raise EngineError(f"OpenVINO does not load ({_reason(error)}): {INSTALL}") from error
    finally:
        if barred:
            del sys.modules[_CONVERTER]
    return openvino


def _metadata(network) -> dict[str, str]:
    """What the network's maker wrote into its ONNX file."""
    if not network.has_rt_info("framework"):
        return {}
    return {name: str(value) for name, value in network.get_rt_info("framework").value.items()}


def _size(dimension) -> int | None:
    return dimension.get_length() if dimension.is_static else None


def _listed(types: dict[str, np.dtype]) -> str:
    return ", ".join(f"{name} {np.dtype(dtype)}" for name, dtype in types.items()) or "none"


def _reason(error: Exception) -> str:
    """The last line that says anything: OpenVINO's first ones say where in its source it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:200]
