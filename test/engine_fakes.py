"""Stand-ins for what only machines with an NVIDIA GPU have: the driver, CUDA, TensorRT, and all of it together."""

from __future__ import annotations

import ctypes
import enum
from types import SimpleNamespace

import numpy as np

from extreme3d_ros.engines.driver import Gpu
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.tensorrt_module import TensorRT

GPU = Gpu(0, "NVIDIA Test 1000", (8, 9))


def raising(error):
    """A function that fails."""

    def function(*arguments, **options):
        raise error

    return function


class PretendedEngine:
    """y = factor x. fails: what its calls raise instead."""

    shapes, outputs, metadata = {"x": (2, 3)}, ("y",), {}

    def __init__(self, about, factor=1):
        self.about, self.factor, self.fails, self.closed = about, factor, None, False

    def __call__(self, **inputs):
        assert not self.closed, "called after it was closed"
        if self.fails:
            raise self.fails
        return {"y": self.factor * inputs["x"]}

    def warm_up(self):
        pass

    def new_kernels(self):
        return b"kernels"

    def close(self):
        self.closed = True


def pretended_machine(**changes) -> Machine:
    """One GPU, TensorRT, no CUDA provider; networks are not looked into. changes: of Machine's fields."""
    fields = {
        "find_gpus": lambda: (GPU,),
        "find_tensorrt": fake_tensorrt,
        "has_cuda_provider": lambda: False,
        "fewer_bits": lambda path: None,
        "onnx": lambda path, device="cpu": PretendedEngine(f"ONNX Runtime on {device}"),
        "build_plan": lambda tensorrt, data, capability, progress: b"plan",
        "run_plan": lambda tensorrt, plan, gpu, precision, metadata, kernels: PretendedEngine(
            f"{tensorrt.about} on {gpu.about}, {precision}", 2
        ),
    }
    return Machine(**fields | changes)


class CudaLibrary:
    """libcuda.so.1 as ctypes would give it, with the named GPUs. codes: what functions return instead of 0."""

    def __init__(self, names=("NVIDIA Test 1000",), cuda=13000, **codes):
        self._names, self._cuda, self._codes = names, cuda, codes

    def __getattr__(self, name):
        def call(*arguments):
            code = self._codes.get(name, 0)
            return code or getattr(self, f"_{name}")(*arguments) or 0

        return call

    def _cuInit(self, flags):
        pass

    def _cuDriverGetVersion(self, value):
        value._obj.value = self._cuda

    def _cuDeviceGetCount(self, value):
        value._obj.value = len(self._names)

    def _cuDeviceGet(self, device, index):
        device._obj.value = index

    def _cuDeviceGetName(self, name, size, device):
        name.value = self._names[device.value].encode()

    def _cuDeviceGetAttribute(self, value, kind, device):
        value._obj.value = {75: 8, 76: 9}[kind]


class CudaDriver:
    """`cuda.bindings.driver` on this machine's own memory. room: bytes "on the GPU". held: what isn't freed yet."""

    class CUresult(enum.IntEnum):
        CUDA_SUCCESS = 0
        CUDA_ERROR_OUT_OF_MEMORY = 2
        CUDA_ERROR_ILLEGAL_ADDRESS = 700

    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1)

    def __init__(self, room=1 << 30):
        self._room, self.held, self.fails, self.current = room, {}, {}, 0

    def __getattr__(self, name):
        def call(*arguments):
            code = self.fails.get(name, self.CUresult.CUDA_SUCCESS)
            if code:
                return (code, None)
            result = getattr(self, f"_{name}")(*arguments)
            return result if isinstance(result, tuple) else (self.CUresult.CUDA_SUCCESS, result)

        return call

    def _cuInit(self, flags):
        return (self.CUresult.CUDA_SUCCESS,)

    def _cuDeviceGet(self, index):
        return index

    def _cuDevicePrimaryCtxRetain(self, device):
        self.held["context"] = True
        return "context"

    def _cuDevicePrimaryCtxRelease(self, device):
        del self.held["context"]

    def _cuCtxPushCurrent(self, context):
        self.current += 1
        return (self.CUresult.CUDA_SUCCESS,)

    def _cuCtxPopCurrent(self):
        self.current -= 1
        return "context"

    def _cuStreamCreate(self, flags):
        self.held["stream"] = True
        return 7

    def _cuStreamDestroy(self, stream):
        del self.held["stream"]

    def _cuStreamSynchronize(self, stream):
        return (self.CUresult.CUDA_SUCCESS,)

    def _cuMemGetInfo(self):
        self._require_context()
        return (self.CUresult.CUDA_SUCCESS, self._room, 1 << 30)

    def _cuMemAlloc(self, size):
        if size > self._room:
            return (self.CUresult.CUDA_ERROR_OUT_OF_MEMORY, None)
        self._room -= size
        return self._memory(size)

    def _cuMemHostAlloc(self, size, flags):
        return self._memory(size)

    def _memory(self, size):
        self._require_context()
        memory = (ctypes.c_uint8 * size)()
        self.held[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def _require_context(self):
        assert self.current > 0, "CUDA wants a current context here"

    def _cuMemFree(self, address):
        self._require_context()
        self._room += len(self.held[address])
        del self.held[address]

    def _cuMemFreeHost(self, address):
        del self.held[address]

    def _cuMemcpyHtoDAsync(self, to, source, size, stream):
        self._require_context()
        ctypes.memmove(to, source, size)
        return (self.CUresult.CUDA_SUCCESS,)

    _cuMemcpyDtoHAsync = _cuMemcpyHtoDAsync


class FakeRuntime:
    """TensorRT's Runtime for a plan b"double": y = 2 x, (2, 3) float32."""

    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, plan):
        if plan != b"double":
            self._logger.log(1, "the plan was made on another GPU")
            return None
        return FakeEngine(self._logger)


class FakeEngine:
    num_io_tensors = 2

    def __init__(self, logger):
        self._logger = logger

    def get_tensor_name(self, i):
        return "xy"[i]

    def get_tensor_mode(self, name):
        return {"x": "input", "y": "output"}[name]

    def get_tensor_shape(self, name):
        return 2, 3

    def get_tensor_dtype(self, name):
        return "float32"

    def create_execution_context(self):
        return FakeContext(self._logger)


class FakeContext:
    def __init__(self, logger):
        self._logger, self._at = logger, {}

    def set_tensor_address(self, name, address):
        self._at[name] = address
        return True

    def execute_async_v3(self, stream):
        assert stream == 7, "not the stream that the copies are queued on"
        x, y = (np.frombuffer((ctypes.c_uint8 * 24).from_address(self._at[name]), np.float32) for name in "xy")
        if np.isnan(x).any():
            self._logger.log(1, "CUDA out of memory")
            return False
        y[:] = 2 * x
        return True


class _ILogger:
    Severity = SimpleNamespace(ERROR=1)


def fake_tensorrt(name="tensorrt", version="10.13.0") -> TensorRT:
    """A TensorRT that runs the plan b"double"."""
    module = SimpleNamespace(
        __version__=version,
        ILogger=_ILogger,
        Runtime=FakeRuntime,
        TensorIOMode=SimpleNamespace(INPUT="input"),
        nptype=np.dtype,
    )
    return TensorRT(module, name, version)
