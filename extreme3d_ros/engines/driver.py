"""Which NVIDIA GPUs there are, asked of the driver itself: TensorRT may end the process where there is none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from extreme3d_ros.engines.engine import EngineError

#: The oldest CUDA that drivers must know, as the driver counts: 12.0, for TensorRT 10.3 (JetPack 6.1 has 12.6).
OLDEST_CUDA = 12000
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_NO_DEVICE_CODE = 100
_NO_DEVICE = "there is an NVIDIA driver but no GPU that it can use: see CUDA_VISIBLE_DEVICES and `nvidia-smi`"
_REASONS = {  # CUresult, from CUDA's driver API reference
    34: "the libcuda.so.1 found is a stub for compiling: remove its folder from LD_LIBRARY_PATH",
    35: "the NVIDIA driver is too old: update it",
    803: "the NVIDIA driver's parts are of different versions: restart the machine",
    804: "the NVIDIA driver is too old for the CUDA libraries here: update it",
}


class NoGpu(EngineError):
    """There is no NVIDIA GPU here, or none is shown to this process."""


class DriverError(EngineError):
    """There may be a GPU, but its driver is too old or broken; the message says what to do."""


@dataclass(frozen=True)
class Gpu:
    """index: among those visible; capability: major and minor."""

    index: int
    name: str
    capability: tuple[int, int]

    @property
    def about(self) -> str:
        """For the log."""
        return f"{self.name} (cuda:{self.index})"


def find_gpus(load: Callable[[str], Any] = ctypes.CDLL) -> tuple[Gpu, ...]:
    """The visible GPUs, one at least. load: opens a shared library. Raises NoGpu or DriverError."""
    try:
        library = load("libcuda.so.1")
    except OSError:
        raise NoGpu("there is no NVIDIA driver (no libcuda.so.1)") from None
    _call(library.cuInit, 0)
    cuda = _number(library.cuDriverGetVersion)
    if cuda < OLDEST_CUDA:
        raise DriverError(
            f"the NVIDIA driver is too old: it knows CUDA {_version(cuda)}, not {_version(OLDEST_CUDA)}; update it"
        )
    count = _number(library.cuDeviceGetCount)
    if not count:
        raise NoGpu(_NO_DEVICE)
    return tuple(_gpu(library, index) for index in range(count))


def _version(cuda: int) -> str:
    """12040 as 12.4."""
    return f"{cuda // 1000}.{cuda % 1000 // 10}"


def _gpu(library, index: int) -> Gpu:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    _call(library.cuDeviceGet, ctypes.byref(device), index)
    _call(library.cuDeviceGetName, name, len(name), device)
    major, minor = (_number(library.cuDeviceGetAttribute, kind, device) for kind in (_MAJOR, _MINOR))
    return Gpu(index, name.value.decode(errors="replace"), (major, minor))


def _number(function, *arguments) -> int:
    value = ctypes.c_int()
    _call(function, ctypes.byref(value), *arguments)
    return value.value


def _call(function, *arguments) -> None:
    code = function(*arguments)
    if code == _NO_DEVICE_CODE:
        raise NoGpu(_NO_DEVICE)
    if code:
        raise DriverError(_REASONS.get(code, f"the NVIDIA driver does not work (CUDA error {code}): see `nvidia-smi`"))
