"""A network by TensorRT, on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from extreme3d_ros.engines.cuda import Stream
from extreme3d_ros.engines.driver import Gpu
from extreme3d_ros.engines.engine import EngineError, finite
from extreme3d_ros.engines.tensorrt_module import Listener, TensorRT


class PlanRefused(EngineError):
    """A plan that isn't for this GPU or TensorRT, or isn't sound."""


class TensorRTEngine:
    """A plan as a callable: named arrays in, named arrays out.

    Inputs are copied once, into page-locked memory that the GPU reads; outputs once out of it, so that they stay the
    caller's. All addresses are set when the plan is loaded. Calls from several threads wait for each other.
    """

    def __init__(
        self,
        tensorrt: TensorRT,
        plan: bytes,
        gpu: Gpu,
        precision: str = "fp32",
        metadata: Mapping[str, str] | None = None,
        kernels: bytes = b"",
        stream: Stream | None = None,
    ):
        """precision: for `about`; kernels: what `new_kernels` gave before; stream: a new one on `gpu` by default.

        Raises PlanRefused, and EngineError where the GPU's memory is full or its driver too old or failing.
        """
        self.metadata = dict(metadata or {})
        self.about = f"{tensorrt.about} on {gpu.about}, {precision}"
        self._listener, self._lock, self._closed = Listener(tensorrt.module), Lock(), False
        self._runtime: Any = None  # TensorRT's objects, whose types its bindings don't tell
        self._engine: Any = None
        self._cache: Any = None
        self._context: Any = None
        self._inputs: dict[str, np.ndarray] = {}
        self._results: dict[str, np.ndarray] = {}
        self._addresses: dict[str, int] = {}
        self._stream = stream or Stream(gpu.index)
        try:
            with self._stream.current():
                self._load(tensorrt.module, plan, kernels)
                self._bind(tensorrt.module)
        except BaseException:
            self.close()
            raise
        self.shapes = {name: array.shape for name, array in self._inputs.items()}
        self.outputs = tuple(self._results)

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name. Raises ValueError where inputs aren't those that the network wants, EngineError where
        the GPU fails or an output is not finite."""
        self._require_fit(inputs)
        with self._lock, self._stream.current():
            for name, array in inputs.items():
                np.copyto(self._inputs[name], array)
                self._stream.upload(self._addresses[name], self._inputs[name])
            run = self._context.execute_async_v3(int(self._stream.handle))
            self._listener.require(run, "TensorRT could not run the network")
            for name, array in self._results.items():
                self._stream.download(array, self._addresses[name])
            self._stream.wait()
            answer = {name: array.copy() for name, array in self._results.items()}
        return finite(answer, inputs, f"the plan by {self.about}")

    def warm_up(self) -> None:
        """Runs once on zeros: what the driver compiles and reserves at the first run is then there. Raises
        EngineError."""
        self(**{name: np.zeros_like(array) for name, array in self._inputs.items()})

    def new_kernels(self) -> bytes:
        """What TensorRT for RTX has compiled for this GPU, to load faster next time; empty where the kernels given were
        good, and with the other TensorRT, which compiles nothing when it runs."""
        if self._cache is None or self._kernels_good:
            return b""
        with self._lock, self._stream.current():
            return bytes(self._cache.serialize())

    def close(self) -> None:
        """Frees the GPU's memory. Closing twice is no error."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._inputs, self._results, self._addresses = {}, {}, {}
            try:
                with self._stream.current():  # TensorRT frees on the current context, and in this order
                    self._context = self._cache = self._engine = self._runtime = None
            finally:
                self._stream.close()

    def _load(self, trt, plan: bytes, kernels: bytes) -> None:
        require = self._listener.require
        self._runtime = self._listener.made(trt.Runtime, "TensorRT cannot run here")
        engine = self._runtime.deserialize_cuda_engine(plan)
        self._engine = require(engine, "TensorRT does not take the plan", PlanRefused)
        settings = []
        # Only TensorRT for RTX compiles kernels when it first runs, and can keep them.
        if hasattr(trt, "IRuntimeCache"):
            config = self._engine.create_runtime_config()
            self._cache = config.create_runtime_cache()
            # Those of another driver are refused, and compiled again.
            self._kernels_good = bool(kernels) and self._cache.deserialize(kernels)
            self._listener.errors.clear()
            config.set_runtime_cache(self._cache)
            settings.append(config)
        context = self._engine.create_execution_context(*settings)
        self._context = require(context, "TensorRT cannot run the plan", PlanRefused)

    def _bind(self, trt) -> None:
        """Memory for every tensor, and its address to TensorRT."""
        engine = self._engine
        for name in map(engine.get_tensor_name, range(engine.num_io_tensors)):
            shape = tuple(engine.get_tensor_shape(name))
            if -1 in shape:
                raise PlanRefused(f"the size of the network's output {name} depends on what it is shown")
            given = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            (self._inputs if given else self._results)[name] = self._memory(trt, name, shape)

    def _memory(self, trt, name: str, shape: tuple[int, ...]) -> np.ndarray:
        array = self._stream.pinned(shape, np.dtype(trt.nptype(self._engine.get_tensor_dtype(name))))
        self._addresses[name] = self._stream.device_memory(array.nbytes)
        bound = self._context.set_tensor_address(name, self._addresses[name])
        self._listener.require(bound, f"TensorRT does not take the memory for {name}")
        return array

    def _require_fit(self, inputs: Mapping[str, np.ndarray]) -> None:
        if inputs.keys() != self._inputs.keys():
            raise ValueError(f"the network takes {', '.join(self._inputs)}, not {', '.join(inputs) or 'nothing'}")
        for name, want in self._inputs.items():
            given = inputs[name]
            if given.shape != want.shape or given.dtype != want.dtype:
                raise ValueError(
                    f"the network's input {name} is {want.shape} of {want.dtype}, not {given.shape} of {given.dtype}"
                )
