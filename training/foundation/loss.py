"""What the foundation network is trained by: Gaussian likelihoods, and the distance between surfaces."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from extreme3d_ros.face_model.model import FaceModel

#: Weight of the surface's mean squared distance (mm^2) beside likelihoods or squared errors of the coefficients.
SURFACE = 0.3


def surface_roots(model: FaceModel) -> dict[str, torch.Tensor]:
    """(K, K) of shape and of expression: errors of coefficients (N, K) times these have the lengths, in mm, of the rms
    distances between the surfaces.

    A face's size counts for nothing in that distance: a picture doesn't show it.
    """
    mean = (model.mean - model.mean.mean(0)).astype(np.float64)
    size = (mean / np.linalg.norm(mean)).ravel()
    roots = {}
    for name, modes in (("shape", model.shape_modes), ("expression", model.expression_modes)):
        flat = modes.reshape(len(modes), -1).astype(np.float64) * 1e3
        if name == "shape":
            flat = flat - np.outer(flat @ size, size)
        gram = flat @ flat.T / len(model.mean) + 1e-9 * np.eye(len(modes))
        roots[name] = torch.from_numpy(np.linalg.cholesky(gram)).float()
    return roots


class FoundationLoss(nn.Module):
    """Negative log likelihoods of points and coefficients, each a mean over its elements, and the squared distance
    between predicted and true neutral faces and expressions (mm^2, mean over the vertices)."""

    def __init__(self, model: FaceModel):
        super().__init__()
        for name, root in surface_roots(model).items():
            self.register_buffer(name, root)

    def squared_mm(self, off: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared distance (N,) mm^2 of neutral face and of expression, for errors of the coefficients (N, K)."""
        count = len(self.shape)
        shape, expression = off[:, :count] @ self.shape, off[:, count:] @ self.expression
        return shape.square().sum(1), expression.square().sum(1)

    def forward(self, outputs, errors: Tensor, aims: Tensor, coefficients: Tensor) -> Tensor:
        """outputs: the network's; errors: (N, 468, 2) of the detected points from the true ones, in sides of the
        window; aims: (N, 468, 2) the part of them that is to be undone; coefficients: (N, K) true ones."""
        moved, scatter, guess, doubt = (value.float() for value in outputs)
        scatter, doubt = scatter.clamp(-7.0, 0.0), doubt.clamp(-4.0, 1.0)
        left = (moved.detach() + errors).square().sum(2)
        likelihood = (2 * scatter + 0.5 * left * torch.exp(-2 * scatter)).mean()
        off = (moved + aims).square().sum(2)
        likelihood = likelihood + (0.5 * off * torch.exp(-2 * scatter.detach())).mean()
        likelihood = likelihood + (doubt + 0.5 * (guess - coefficients).square() * torch.exp(-2 * doubt)).mean()
        shape, expression = self.squared_mm(guess - coefficients)
        return likelihood + SURFACE * (shape + expression).mean()
