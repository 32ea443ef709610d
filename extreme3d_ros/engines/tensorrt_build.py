"""TensorRT plans made from ONNX files, strongly typed: each layer's precision is the file's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extreme3d_ros.engines.half import take_to_half
from extreme3d_ros.engines.onnx_graph import read_model, settle_sizes, take_bytes_first
from extreme3d_ros.engines.tensorrt_module import Listener, TensorRT
from extreme3d_ros.errors import ModelFileError, one_line

#: What `precision` may be.
PRECISIONS = "fp32", "fp16"
Shapes = Mapping[str, tuple[int, ...]]
#: Told how much of a build is done, 0..1; answers whether to go on.
Progress = Callable[[float], bool]


def fitted(data: bytes, precision: str, shapes: Shapes) -> bytes:
    """An ONNX file's bytes as TensorRT takes them, in a precision. shapes: of the inputs whose sizes it leaves open.

    Raises ModelFileError where the file is broken or has nothing to take to half, EngineError without the package onnx.
    """
    model = read_model(data)
    settle_sizes(model, shapes)
    take_bytes_first(model)
    if precision == "fp16":
        take_to_half(model)
    return model.SerializeToString()


def build_plan(
    tensorrt: TensorRT,
    data: bytes,
    capability: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The plan of an ONNX file's bytes, as `fitted` gives them.

    capability: of the GPU that it is for; None: what the module takes by itself. In fp32 TensorRT multiplies in TF32 on
    GPUs that have it, as its makers would.

    Raises ModelFileError where the file is no network that TensorRT takes; EngineError where building failed or
    `progress` has stopped it.
    """
    trt, listener = tensorrt.module, Listener(tensorrt.module)
    builder = listener.made(trt.Builder, "TensorRT cannot build here")
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    _parse(tensorrt, listener, network, data)
    config = listener.require(builder.create_builder_config(), "TensorRT cannot build here")
    _target(trt, config, capability)
    if progress and hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, progress)
    plan = builder.build_serialized_network(network, config)
    return bytes(listener.require(plan, "TensorRT has built no plan"))


def _parse(tensorrt: TensorRT, listener: Listener, network, data: bytes) -> None:
    parser = tensorrt.module.OnnxParser(network, listener.logger)
    if not parser.parse(data):
        said = parser.get_error(0).desc() if parser.num_errors else listener.first_error
        raise ModelFileError(f"{tensorrt.about} does not take the network: {one_line(said)}")


def _target(trt, config, capability: tuple[int, int] | None) -> None:
    """Of TensorRT for RTX, which builds without asking a GPU, the kernels for this one only."""
    if capability is None or not hasattr(trt, "ComputeCapability"):
        return
    wanted = getattr(trt.ComputeCapability, f"SM{capability[0]}{capability[1]}", None)
    if wanted is not None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(wanted, 0)


def _monitor(trt, progress: Progress):
    class Monitor(trt.IProgressMonitor):
        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self._steps, self._done, self._going = {}, 0.0, True

        def phase_start(self, phase_name, parent_phase, num_steps):
            if parent_phase is None:
                self._steps[phase_name] = max(num_steps, 1)

        def phase_finish(self, phase_name):
            pass

        def step_complete(self, phase_name, step):
            if phase_name in self._steps:
                self._done = (step + 1) / self._steps[phase_name]
            self._going = self._going and progress(self._done)
            return self._going

    return Monitor()
