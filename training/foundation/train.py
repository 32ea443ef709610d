"""Training of the foundation network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.networks.foundation import FoundationNetwork
from training import loop
from training.batches import split
from training.foundation.batches import Batches, load
from training.foundation.evaluate import INPUTS, evaluate
from training.foundation.loss import FoundationLoss
from training.loop import Plan

#: Samples whose residuals tell how residuals vary.
_LOOKED_AT = 6000


def train(plan: Plan, backbone: str, size: int, model: FaceModel, files: list[Path]) -> tuple[nn.Module, dict]:
    """The network (its weights averaged over the last steps) and its figures on held-out renders. backbone: of
    networks/foundation.py; size: of its window, pixels."""
    torch.manual_seed(0)
    coefficients = len(model.shape_modes) + len(model.expression_modes)
    samples, held_out = map(load, split(files))
    network = FoundationNetwork(backbone, coefficients).to(plan.device)
    batches, measured = Batches(samples, model, size), Batches(held_out, model, size)
    residuals = batches.varied(range(min(len(samples), _LOOKED_AT)), np.random.default_rng(2))[1]
    network.look_at_usual(torch.from_numpy(residuals).to(plan.device))
    loss = FoundationLoss(model).to(plan.device)

    def figures(network):
        return evaluate(network, measured, held_out, loss, plan.device)

    return loop.train(plan, loop.Task(network, batches, len(samples), INPUTS, loss, figures))
