"""Training of the foundation network, its figures on renders that it hasn't seen, and its ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.networks.foundation import POINTS, FoundationNetwork
from training import loop
from training.batches import split
from training.foundation.batches import Batches, Samples, load
from training.foundation.loss import FoundationLoss
from training.onnx_file import onnx_of

#: How many of a batch's arrays the network takes.
_INPUTS = 3
#: Samples whose residuals tell how residuals vary.
_LOOKED_AT = 6000


def train(plan: loop.Plan, size: int, model: FaceModel, files: list[Path]) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures on held-out renders. size: of its window,
    pixels."""
    torch.manual_seed(0)
    coefficients = len(model.shape_modes) + len(model.expression_modes)
    samples, held_out = map(load, split(files))
    network = FoundationNetwork(coefficients).to(plan.device)
    batches, measured = Batches(samples, model, size), Batches(held_out, model, size)
    residuals = batches.varied(range(min(len(samples), _LOOKED_AT)), np.random.default_rng(2))[1]
    network.look_at_usual(torch.from_numpy(residuals).to(plan.device))
    loss = FoundationLoss(model).to(plan.device)

    def figures(network):
        return evaluate(network, measured, held_out, loss, plan.device)

    return loop.train(plan, loop.Task(network, batches, len(samples), _INPUTS, loss, figures))


@torch.no_grad()
def evaluate(network, batches: Batches, samples: Samples, loss: FoundationLoss, device: str) -> dict[str, float]:
    """Rms millimetres of the neutral face and of the expression; the points' mean distance in % of the window's side,
    of the network and as detected, clear and hidden; and how well the stated deviations fit (1: exactly)."""
    outputs, truths = loop.answers(network, batches, len(samples), _INPUTS, device)
    (moved, scatter, guess, doubt), (errors, _, coefficients) = outputs, truths
    off, before = (part.norm(dim=2).mean(1) * 100 for part in (errors + moved, errors))
    shape, expression = loss.squared_mm((guess - coefficients).to(device))
    mean_shape, mean_expression = loss.squared_mm(coefficients.to(device))
    figures = {}
    for name, some in samples.kinds().items():
        figures[f"points_{name}"] = off[some].mean()
        figures[f"detected_{name}"] = before[some].mean()
        figures[f"shape_mm_{name}"] = shape.cpu()[some].mean().sqrt()
        figures[f"expression_mm_{name}"] = expression.cpu()[some].mean().sqrt()
    figures["shape_mm_of_mean"] = mean_shape.mean().sqrt()
    figures["expression_mm_of_none"] = mean_expression.mean().sqrt()
    figures["point_deviations"] = ((errors + moved).square().mean(2) * torch.exp(-2 * scatter)).mean().sqrt()
    figures["coefficient_deviations"] = ((guess - coefficients).square() * torch.exp(-2 * doubt)).mean().sqrt()
    return {name: round(float(np.asarray(value.cpu())), 4) for name, value in figures.items()}


def export(network: nn.Module, model: FaceModel, size: int, figures: dict) -> bytes:
    """The ONNX file, for pairs of windows of `size` pixels, a face's and its mirror image's. Raises ValueError where
    ONNX Runtime's answer is another."""
    rng = np.random.default_rng(0)
    window = torch.from_numpy(rng.integers(0, 256, (2, size, size, 3), np.uint8))
    residual = torch.from_numpy(0.01 * rng.standard_normal((2, POINTS, 2), np.float32))
    inputs = {"window": window, "residual": residual, "rotation": torch.eye(3).expand(2, 3, 3).contiguous()}
    names = ("moved", "point_scatter", "coefficients", "coefficient_scatter")
    return onnx_of(network, inputs, names, {"face_model": model.name, "figures": json.dumps(figures)})
