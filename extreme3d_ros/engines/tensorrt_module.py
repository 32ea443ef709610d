"""The TensorRT that is installed: NVIDIA's own (with JetPack, say) or TensorRT for RTX from PyPI."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from extreme3d_ros.engines.engine import GPU_FULL, EngineError
from extreme3d_ros.errors import ModelFileError, one_line, reason

#: Modules by preference, with versions from (included) to (excluded). The first times its kernels on the GPU itself and
#: runs on every GPU; the second installs by pip alone.
_KNOWN = {"tensorrt": ((10, 3), (12, 0)), "tensorrt_rtx": ((1, 4), (2, 0))}
INSTALL = "pip install tensorrt-rtx cuda-bindings 'onnx<1.23'"


class NoTensorRT(EngineError):
    """No TensorRT that could be used; the message says why and what to install."""


@dataclass(frozen=True)
class TensorRT:
    """module: `tensorrt` or `tensorrt_rtx`; name and version: its own."""

    module: ModuleType
    name: str
    version: str

    @property
    def about(self) -> str:
        """For the log."""
        return f"{'TensorRT for RTX' if self.name == 'tensorrt_rtx' else 'TensorRT'} {self.version}"


def find_tensorrt(load: Callable[[str], ModuleType] = importlib.import_module) -> TensorRT:
    """The first that can be used. load: imports a module. Raises NoTensorRT. Importing takes seconds."""
    refused = []
    for name, (first, end) in _KNOWN.items():
        try:
            module = load(name)
            found = str(module.__version__)
        except ModuleNotFoundError:
            continue
        except Exception as error:  # PyPI's stubs of `tensorrt` fail in several ways where their libraries are missing
            refused.append(f"{name} does not load ({reason(error)})")
            continue
        if first <= _numbers(found) < end:
            _require_bindings(load, name)
            return TensorRT(module, name, found)
        refused.append(f"{name} {found} is none of {_dotted(first)} to {_dotted(end)}")
    raise NoTensorRT(f"{'; '.join(refused) or 'TensorRT is not installed'}: {INSTALL}")


class Listener:
    """TensorRT's log: `logger` is what its objects take; it must outlive them. trt: the module."""

    def __init__(self, trt: Any):
        self.errors: list[str] = []

        class Logger(trt.ILogger):
            def __init__(self, errors: list[str]):
                trt.ILogger.__init__(self)
                self._errors = errors

            def log(self, severity, message):
                if severity <= trt.ILogger.Severity.ERROR:
                    self._errors.append(message)

        self.logger = Logger(self.errors)

    def made(self, make: Callable[[Any], Any], what: str) -> Any:
        """One of TensorRT's objects that take the logger. Raises as `require`."""
        try:
            return self.require(make(self.logger), what)
        except TypeError:  # how TensorRT's bindings say that there is no object
            return self.require(None, what)

    def require(self, given: Any, what: str, otherwise: type[ModelFileError] = EngineError) -> Any:
        """`given`, unless TensorRT says by None or False that it failed.

        Raises EngineError where the GPU's memory is full or the driver too old, else `otherwise`: with `what` and what
        the log says.
        """
        if given is not None and given is not False:
            return given
        said = " ".join(self.errors)
        if "out of memory" in said.lower() or "OutOfMemory" in said:
            raise EngineError(f"{what}: {GPU_FULL}")
        if "driver version is insufficient" in said:
            raise EngineError(f"{what}: the NVIDIA driver is too old for this TensorRT; update the driver")
        raise otherwise(f"{what}: {self.first_error or 'TensorRT does not say why'}")

    @property
    def first_error(self) -> str:
        """One line of the first error: the others follow from it."""
        return one_line(self.errors[0]) if self.errors else ""


def _require_bindings(load: Callable[[str], ModuleType], name: str) -> None:
    try:
        load("cuda.bindings.driver")
    except ImportError:
        raise NoTensorRT(f"{name} is here, but not the package for its memory: pip install cuda-bindings") from None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
