"""The bump network to ONNX: probabilities and metres out, weights as half floats, the answer checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from extreme3d_ros.networks.bump import HIGHEST
from training.bump.renders import SIZE
from training.onnx_file import write_onnx

NAMES = ("mask", "bump", "occlusion")
#: How far ONNX Runtime's answer may be off: chances, and parts of the highest bump.
_TOLERANCE = 1e-3


class _Answer(nn.Module):
    """The network with chances in the logits' place, and bumps in parts of `unit` metres."""

    def __init__(self, network: nn.Module, unit: float = 1.0):
        super().__init__()
        self.network, self.unit = network, unit

    def forward(self, window: Tensor, normals: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, bump, occlusion = self.network(window, normals, place)
        return torch.sigmoid(mask), bump / self.unit, torch.sigmoid(occlusion)


def export(network: nn.Module, figures: dict, out: Path) -> None:
    """Writes the network for one window of SIZE x SIZE. Raises ValueError where ONNX Runtime's answer is another."""
    network = network.cpu().half().float()  # what the file will hold
    rng = np.random.default_rng(0)
    normals = torch.from_numpy(rng.standard_normal((1, SIZE, SIZE, 3), np.float32))
    inputs = {
        "window": torch.from_numpy(rng.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)),
        "normals": nn.functional.normalize(normals, dim=3),
        "place": torch.from_numpy(rng.uniform(-1, 1, (1, SIZE, SIZE, 2)).astype(np.float32)),
    }
    metadata = {"figures": json.dumps(figures)}
    # Once to see that bumps are right to a thousandth of the highest, once as it is used.
    for unit in (HIGHEST, 1.0):
        write_onnx(_Answer(network, unit).eval(), inputs, NAMES, metadata, out, _TOLERANCE)
