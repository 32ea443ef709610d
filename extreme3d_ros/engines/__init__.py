"""Compiled networks as callables on arrays."""

from extreme3d_ros.engines.onnx import OnnxEngine

__all__ = ["OnnxEngine"]
