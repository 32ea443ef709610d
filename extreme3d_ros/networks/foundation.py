"""The foundation network: a face's window and MediaPipe's points in; better points and the morphable model's
coefficients out, each with how far it can be trusted.

The paper's deep network (Sec. 3.1) says shape alone; that all points of a face, hidden ones too, can be had with their
uncertainty from renders alone is Wood et al. (ECCV 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extreme3d_ros.networks.resnet import LIGHT, ResNet

POINTS = 468
#: Principal directions of the points' residuals that the network looks at.
_DIRECTIONS = 128
_POINT_FEATURES, _HIDDEN = 256, 512


class FoundationNetwork(nn.Module):
    """coefficients: how many the face model has, shape and expression together."""

    def __init__(self, coefficients: int):
        super().__init__()
        self.backbone = ResNet(*LIGHT)
        self.usual = nn.Linear(2 * POINTS, _DIRECTIONS).requires_grad_(False)
        self.points = nn.Sequential(
            nn.Linear(_DIRECTIONS + 9, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _POINT_FEATURES), nn.ReLU()
        )
        self.hidden = nn.Sequential(nn.Linear(self.backbone.features + _POINT_FEATURES, _HIDDEN), nn.ReLU())
        self.moved = _head(_HIDDEN, 2 * POINTS)
        self.point_scatter = _head(_HIDDEN, POINTS, -4.0)
        self.person = nn.Sequential(
            nn.Linear(_DIRECTIONS + 9, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU()
        )
        self.coefficients = _head(_HIDDEN, coefficients)
        self.coefficient_scatter = _head(2 * _HIDDEN, coefficients)

    @torch.no_grad()
    def look_at_usual(self, residual: Tensor) -> None:
        """Learns from residuals (N, 468, 2) in which directions they vary, and how far: who it is shows in small
        ones."""
        flat = residual.flatten(1).double()
        mean = flat.mean(0)
        values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
        values, vectors = values[-_DIRECTIONS:], vectors[:, -_DIRECTIONS:]
        self.usual.weight.copy_((vectors / values.clamp_min(1e-12).sqrt()).T)
        self.usual.bias.copy_(-self.usual.weight.double() @ mean)

    def forward(self, window: Tensor, residual: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """window: (N, H, W, 3) uint8 BGR; residual: (N, 468, 2), rotation: (N, 3, 3) as in stages/window.py.

        Returns how far the detected points are to be moved (N, 468, 2), in sides of the window along its axes; the
        logarithms of the moved points' standard deviations along either axis (N, 468), in the same unit; coefficients
        (N, K) in standard deviations of the model, and the logarithms of their own standard deviations (N, K), 0 where
        nothing is known.
        """
        image = window.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0
        turned = rotation.flatten(1)
        places = self.points(torch.cat([self._in_usual_directions(residual), turned], 1))
        hidden = self.hidden(torch.cat([self.backbone(image), places], 1))
        moved = self.moved(hidden).unflatten(1, (POINTS, 2))
        # Who it is shows in where the points lie: pictures of other kinds than the renders change points less than they
        # would change an answer that comes straight from the picture.
        person = self.person(torch.cat([self._in_usual_directions(residual + moved.detach()), turned], 1))
        doubt = self.coefficient_scatter(torch.cat([hidden, person], 1))
        return moved, self.point_scatter(hidden), self.coefficients(person), doubt

    def _in_usual_directions(self, residual: Tensor) -> Tensor:
        """(N, directions), each of about unit deviation."""
        # Single precision whatever the rest is computed in: they are small differences of large numbers.
        with torch.autocast(residual.device.type, enabled=False):
            return self.usual(residual.float().flatten(1)).clamp(-6, 6)


def _head(inputs: int, outputs: int, start: float = 0.0) -> nn.Linear:
    """A layer that at first says `start`, whatever it is shown."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=1e-3)
    nn.init.constant_(layer.bias, start)
    return layer
