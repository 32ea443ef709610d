"""The bump network to ONNX: probabilities and metres out, weights as half floats, the answer checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.bump.renders import SIZE
from training.foundation.export import write_onnx

NAMES = ("mask", "bump", "occlusion")


class _Answer(nn.Module):
    """The network with probabilities in the logits' place."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, window: Tensor, normals: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, bump, occlusion = self.network(window, normals, place)
        return torch.sigmoid(mask), bump, torch.sigmoid(occlusion)


def export(network: nn.Module, figures: dict, out: Path) -> None:
    """Writes the network for one window of SIZE pixels. Raises ValueError where ONNX Runtime's answer is another."""
    rng = np.random.default_rng(0)
    inputs = {
        "window": torch.from_numpy(rng.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)),
        "normals": nn.functional.normalize(
            torch.from_numpy(rng.standard_normal((1, SIZE, SIZE, 3), np.float32)), dim=3
        ),
        "place": torch.from_numpy(rng.uniform(-1, 1, (1, SIZE, SIZE, 2)).astype(np.float32)),
    }
    write_onnx(_Answer(network).eval(), inputs, NAMES, {"figures": json.dumps(figures)}, out)
