"""Memory and a stream on a GPU, by CUDA's driver API: cuda-bindings needs nothing but the driver's own library."""

from __future__ import annotations

import ctypes
import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from extreme3d_ros.engines.engine import GPU_FULL, EngineError


class Stream:
    """One stream in a GPU's primary context, which TensorRT and ONNX Runtime use too, and memory that goes with it."""

    def __init__(self, index: int, driver: ModuleType | None = None):
        """index: of the GPU; driver: `cuda.bindings.driver`. Raises EngineError."""
        if driver is None:
            # An optional package: `find_tensorrt` has said so where it is missing.
            driver = importlib.import_module("cuda.bindings.driver")
        self._driver = driver
        self._frees: list[tuple] = []
        self._call("cuInit", 0)
        self._device = self._call("cuDeviceGet", index)
        self._context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self._frees.append(("cuDevicePrimaryCtxRelease", self._device))
        try:
            with self.current():
                # One that doesn't wait for the default stream, where others in this process may work.
                self.handle = self._call("cuStreamCreate", int(self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING))
        except EngineError:
            self.close()
            raise
        self._frees.append(("cuStreamDestroy", self.handle))

    @contextmanager
    def current(self) -> Iterator[None]:
        """The GPU's context as the calling thread's: the calls below, but for `close`, and TensorRT's want it."""
        self._call("cuCtxPushCurrent", self._context)
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent")

    def device_memory(self, size: int) -> int:
        """The address of `size` bytes on the GPU. Raises EngineError."""
        address = self._call("cuMemAlloc", max(size, 1))
        self._frees.append(("cuMemFree", address))
        return int(address)

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of page-locked memory, which the GPU reads and writes itself. It ends with `close`."""
        size = max(math.prod(shape) * np.dtype(dtype).itemsize, 1)
        address = self._call("cuMemHostAlloc", size, 0)
        self._frees.append(("cuMemFreeHost", address))
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        return np.frombuffer(memoryview(memory), dtype, math.prod(shape)).reshape(shape)

    def upload(self, address: int, array: np.ndarray) -> None:
        """Queues the copy of a pinned array to the GPU."""
        self._call("cuMemcpyHtoDAsync", address, array.ctypes.data, array.nbytes, self.handle)

    def download(self, array: np.ndarray, address: int) -> None:
        """Queues the copy from the GPU into a pinned array."""
        self._call("cuMemcpyDtoHAsync", array.ctypes.data, address, array.nbytes, self.handle)

    def wait(self) -> None:
        """Until all that was queued is done. Raises EngineError where some of it failed."""
        self._call("cuStreamSynchronize", self.handle)

    def free_memory(self) -> int:
        """Bytes that are free on the GPU."""
        free, _ = self._call("cuMemGetInfo")
        return free

    def close(self) -> None:
        """Frees everything; the pinned arrays must no longer be used. Closing twice is no error."""
        frees, self._frees = self._frees, []
        if not frees:
            return
        release, *others = frees
        self._try("cuCtxPushCurrent", self._context)
        for name, what in reversed(others):
            self._try(name, what)
        self._try("cuCtxPopCurrent")
        self._try(*release)

    def _try(self, name: str, *arguments) -> None:
        """A call whose failure changes nothing: after an error on the GPU its context frees nothing any more."""
        getattr(self._driver, name)(*arguments)

    def _call(self, name: str, *arguments):
        """What a function gives besides its code: nothing, one thing, or a tuple."""
        code, *results = getattr(self._driver, name)(*arguments)
        if int(code) == int(self._driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY):
            raise EngineError(GPU_FULL)
        if int(code):
            raise EngineError(f"the GPU failed ({name}: {getattr(code, 'name', code)}): see `nvidia-smi` and `dmesg`")
        return results[0] if len(results) == 1 else tuple(results)
