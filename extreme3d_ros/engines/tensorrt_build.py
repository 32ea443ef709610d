"""TensorRT plans made from ONNX files, strongly typed: each layer's precision is the file's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extreme3d_ros.engines.half import in_half
from extreme3d_ros.engines.onnx_graph import bytes_first
from extreme3d_ros.engines.tensorrt_module import Listener, TensorRT
from extreme3d_ros.errors import ModelFileError, one_line

#: What `precision` may be.
PRECISIONS = "fp32", "fp16"
Shapes = Mapping[str, tuple[int, ...]]
#: Told how much of a build is done, 0..1; answers whether to go on.
Progress = Callable[[float], bool]


def fitted(data: bytes, precision: str) -> bytes:
    """An ONNX file's bytes as TensorRT takes them, in a precision. Raises ModelFileError, EngineError."""
    data = bytes_first(data)
    return in_half(data) if precision == "fp16" else data


def build_plan(
    tensorrt: TensorRT,
    data: bytes,
    shapes: Shapes | None = None,
    capability: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The plan of an ONNX file's bytes, as `fitted` gives them.

    shapes: of the inputs whose sizes the file leaves open. capability: of the GPU that it is for; None: what the module
    takes by itself. In fp32 TensorRT multiplies in TF32 on GPUs that have it, as its makers would.

    Raises ModelFileError where the file is no network that TensorRT takes or the shapes aren't its; EngineError where
    building failed or `progress` has stopped it; OutOfGpuMemory.
    """
    trt, listener = tensorrt.module, Listener(tensorrt.module)
    builder = listener.made(trt.Builder, "TensorRT cannot build here")
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    _parse(tensorrt, listener, network, data)
    config = listener.require(builder.create_builder_config(), "TensorRT cannot build here")
    profile = _profile(builder, network, shapes or {})
    if profile is not None:
        config.add_optimization_profile(profile)
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


def _profile(builder, network, shapes: Shapes):
    """The optimization profile that fixes the open sizes; None where there are none."""
    inputs = {value.name: value for value in (network.get_input(i) for i in range(network.num_inputs))}
    unknown = set(shapes) - set(inputs)
    if unknown:
        raise ModelFileError(f"the network has no input {min(unknown)}: it has {', '.join(inputs)}")
    profile = None
    for name, value in inputs.items():
        wanted, shape = tuple(shapes.get(name, value.shape)), tuple(value.shape)
        if len(wanted) != len(shape) or any(a not in (-1, b) or b < 1 for a, b in zip(shape, wanted, strict=False)):
            raise ModelFileError(f"the network's input {name} has the shape {shape}, and {wanted} does not settle it")
        if -1 in shape:
            profile = profile or builder.create_optimization_profile()
            profile.set_shape(name, wanted, wanted, wanted)
    return profile


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
