"""Compiled networks as callables on arrays: ONNX Runtime everywhere, TensorRT where there is an NVIDIA GPU."""

from extreme3d_ros.engines.choose import Engines, Status
from extreme3d_ros.engines.engine import Engine, EngineError, EngineMaker
from extreme3d_ros.engines.onnx import OnnxEngine

__all__ = ["Engine", "EngineError", "EngineMaker", "Engines", "OnnxEngine", "Status"]
