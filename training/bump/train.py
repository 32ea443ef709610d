"""Training of the bump network, and its figures on held-out renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from extreme3d_ros.networks.bump import BumpNetwork
from training import loop
from training.batches import split
from training.bump.batches import INPUTS, Batches, bits, load
from training.bump.loss import BumpLoss
from training.loop import Plan


def train(plan: Plan, width: float, files: list[Path], start: Path | None = None) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures on held-out renders.

    start: checkpoint of another training, whose weights are taken over.
    """
    torch.manual_seed(0)
    network = BumpNetwork(width)
    if start:
        loop.take_over(network, start)
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
    order, ranks = np.unique(scores, return_inverse=True)
    counts = np.bincount(ranks, minlength=len(order))
    middle = np.cumsum(counts) - 0.5 * (counts - 1)
    hits = np.count_nonzero(positive)
    misses = len(positive) - hits
    if not hits or not misses:
        return float("nan")
    return float((middle[ranks][positive].sum() - hits * (hits + 1) / 2) / (hits * misses))
