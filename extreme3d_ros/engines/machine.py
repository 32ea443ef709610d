"""What this machine can run networks with, as one thing that tests can put another in the place of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from extreme3d_ros.engines.driver import Gpu, find_gpus
from extreme3d_ros.engines.engine import Engine
from extreme3d_ros.engines.fewer_bits import engine_in_fewer_bits
from extreme3d_ros.engines.onnx import OnnxEngine, has_cuda_provider
from extreme3d_ros.engines.tensorrt_build import build_plan
from extreme3d_ros.engines.tensorrt_engine import TensorRTEngine
from extreme3d_ros.engines.tensorrt_module import TensorRT, find_tensorrt


@dataclass(frozen=True)
class Machine:
    """Each field is what its default is: a function or class of this package."""

    find_gpus: Callable[[], tuple[Gpu, ...]] = find_gpus
    find_tensorrt: Callable[[], TensorRT] = find_tensorrt
    has_cuda_provider: Callable[[], bool] = has_cuda_provider
    onnx: Callable[..., Engine] = OnnxEngine
    fewer_bits: Callable[[Path], Engine | None] = engine_in_fewer_bits
    build_plan: Callable[..., bytes] = build_plan
    run_plan: Callable[..., TensorRTEngine] = TensorRTEngine
