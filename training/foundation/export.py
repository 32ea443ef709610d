"""The foundation network to ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.networks.foundation import POINTS
from training.onnx_file import write_onnx

NAMES = ("moved", "point_scatter", "coefficients", "coefficient_scatter")


def export(network: nn.Module, model: FaceModel, size: int, figures: dict, out: Path) -> None:
    """Writes the network for pairs of windows of `size` pixels, a face's and its mirror image's. Raises ValueError
    where ONNX Runtime's answer is another."""
    rng = np.random.default_rng(0)
    window = torch.from_numpy(rng.integers(0, 256, (2, size, size, 3), np.uint8))
    residual = torch.from_numpy(0.01 * rng.standard_normal((2, POINTS, 2), np.float32))
    inputs = {"window": window, "residual": residual, "rotation": torch.eye(3).expand(2, 3, 3).contiguous()}
    write_onnx(network, inputs, NAMES, {"face_model": model.name, "figures": json.dumps(figures)}, out)
