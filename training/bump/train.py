"""Training of the bump network, its figures on held-out renders, and its ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from extreme3d_ros.networks.bump import HIGHEST, BumpNetwork
from extreme3d_ros.stages.face_window import SIZE
from training import loop
from training.batches import split
from training.bump.batches import INPUTS, Batches, bits, load
from training.bump.loss import BumpLoss
from training.onnx_file import onnx_of

#: How far ONNX Runtime's answer may be off: chances, and parts of the highest bump.
_TOLERANCE = 1e-3


def train(plan: loop.Plan, width: float, files: list[Path]) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures on held-out renders."""
    torch.manual_seed(0)
    network = BumpNetwork(width)
    samples, held_out = map(load, split(files))
    measured = Batches(held_out)

    def figures(network):
        return evaluate(network, measured, len(held_out), plan.device)

    task = loop.Task(network, Batches(samples), len(samples), INPUTS, BumpLoss(), figures)
    return loop.train(plan, task)


def evaluate(network: nn.Module, batches: Batches, count: int, device: str) -> dict[str, float]:
    """bump, slope: mean absolute errors on visible skin over those of no bump; mask: intersection over union;
    occlusion: area under the ROC curve of objects on the foundation's pixels."""
    (mask, found, occlusion), (bump, labels) = loop.answers(network, batches, count, INPUTS, device)
    layers = bits(labels)
    known = torch.isfinite(bump) & layers["mask"]
    off, none = (torch.where(known, value, 0.0) for value in (1e3 * found - bump, bump))
    pairs = known[:, :, 1:] & known[:, :, :-1]
    slopes = [value.diff(dim=2)[pairs].abs().mean() for value in (off, none)]
    inside = layers["covered"]
    both, either = (mask > 0) & layers["mask"], (mask > 0) | layers["mask"]
    return {
        "bump": round(float(off.abs().sum() / none.abs().sum()), 4),
        "slope": round(float(slopes[0] / slopes[1]), 4),
        "mask": round(float((both & inside).sum() / (either & inside).sum()), 4),
        "occlusion": round(area_under_roc(occlusion[inside].numpy(), layers["object"][inside].numpy()), 4),
    }


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive has the higher score than a negative, ties counted half: scores, positive: (N,)."""
    hits = np.count_nonzero(positive)
    misses = len(positive) - hits
    if not hits or not misses:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


class _Answer(nn.Module):
    """The network with chances in the logits' place, and bumps in parts of `unit` metres."""

    def __init__(self, network: nn.Module, unit: float):
        super().__init__()
        self.network, self.unit = network, unit

    def forward(self, window: Tensor, normals: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask, bump, occlusion = self.network(window, normals, place)
        return torch.sigmoid(mask), bump / self.unit, torch.sigmoid(occlusion)


def export(network: nn.Module, figures: dict) -> bytes:
    """The ONNX file, for one window of SIZE x SIZE. Raises ValueError where ONNX Runtime's answer is another."""
    network = network.cpu().half().float()  # what the file will hold
    rng = np.random.default_rng(0)
    normals = torch.from_numpy(rng.standard_normal((1, SIZE, SIZE, 3), np.float32))
    inputs = {
        "window": torch.from_numpy(rng.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)),
        "normals": nn.functional.normalize(normals, dim=3),
        "place": torch.from_numpy(rng.uniform(-1, 1, (1, SIZE, SIZE, 2)).astype(np.float32)),
    }
    # Once to see that bumps are right to a thousandth of the highest, once as it is used.
    for unit in (HIGHEST, 1.0):
        answer, names = _Answer(network, unit), ("mask", "bump", "occlusion")
        data = onnx_of(answer, inputs, names, {"figures": json.dumps(figures)}, _TOLERANCE)
    return data
