"""The foundation network's figures on renders that it hasn't seen."""

from __future__ import annotations

import numpy as np
import torch

from training.foundation.batches import Batches, Samples
from training.foundation.loss import FoundationLoss
from training.loop import answers

#: How many of a batch's arrays the network takes.
INPUTS = 3


@torch.no_grad()
def evaluate(network, batches: Batches, samples: Samples, loss: FoundationLoss, device: str) -> dict[str, float]:
    """Rms millimetres of the neutral face and of the expression; the points' mean distance in % of the window's side,
    of the network and as detected, clear and hidden; and how well the stated deviations fit (1: exactly)."""
    (moved, scatter, guess, doubt), (errors, _, coefficients) = answers(network, batches, len(samples), INPUTS, device)
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
