"""What the bump network is trained by: Eq. 5 for the bump, cross entropies for the masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.bump.batches import bits

#: Weight of the bump's derivatives (mm a pixel) beside its heights (mm), and of pixels that an object hides.
_SLOPES, _HIDDEN = 4.0, 0.3
#: Weight of the bump beside the masks.
_BUMP = 0.3
#: Weight of pixels beyond the foundation in the masks' cross entropies.
_BEYOND = 0.2
#: Errors of the bump above this count no more than this, mm: there a feature lies elsewhere than it was fitted.
_LARGEST = 6.0


class BumpLoss(nn.Module):
    """l1 of the bump and of its derivatives along x and y (Eq. 5), where it is known, plus the cross entropies of the
    mask and of objects."""

    def forward(self, outputs, bump: Tensor, labels: Tensor) -> Tensor:
        """outputs: the network's; bump: (N, H, W) mm, NaN where unknown; labels: (N, H, W) uint8."""
        mask, found, occlusion = (value.float() for value in outputs)
        layers = bits(labels)
        beyond = torch.where(layers["covered"], 1.0, _BEYOND)
        loss = _BUMP * bump_loss(1e3 * found, bump, torch.where(layers["object"], _HIDDEN, 1.0))
        for logit, layer in ((mask, "mask"), (occlusion, "object")):
            entropy = functional.binary_cross_entropy_with_logits(logit, layers[layer].float(), reduction="none")
            loss = loss + (beyond * entropy).sum() / beyond.sum()
        return loss


def bump_loss(found: Tensor, bump: Tensor, weight: Tensor) -> Tensor:
    """Eq. 5 with weights (N, H, W): found, bump: (N, H, W) mm."""
    known = torch.isfinite(bump) & (bump.abs() < _LARGEST)
    off = torch.where(known, found - bump, 0.0)
    weight = weight * known
    loss = _mean(off, weight)
    for axis in (1, 2):
        pairs = weight.shape[axis] - 1
        both = torch.minimum(weight.narrow(axis, 0, pairs), weight.narrow(axis, 1, pairs))
        loss = loss + _SLOPES * _mean(off.diff(dim=axis), both)
    return loss


def _mean(off: Tensor, weight: Tensor) -> Tensor:
    return (weight * off.abs()).sum() / weight.sum().clamp_min(1.0)
