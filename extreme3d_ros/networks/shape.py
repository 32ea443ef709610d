"""The identity network of the CVPR 2018 release: a ResNet-101 (He et al., CVPR 2016) regressing the Basel Face Model's
coefficients from a face crop (Sec. 3.1; Tran et al., CVPR 2017)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from extreme3d_ros.networks.resnet import BasicBlock, Bottleneck, ResNet

#: Side of the input, pixels.
SIZE = 224
#: Shape and texture coefficients of the face model.
SHAPES, TEXTURES = 99, 99


class CoefficientNetwork(ResNet):
    """Crops to coefficients. Names of parameters are torchvision's; the mean image is no part of the state dict."""

    mean: Tensor

    def __init__(
        self,
        counts: tuple[int, ...],
        block: type[BasicBlock] | type[Bottleneck] = Bottleneck,
        blocks: tuple[int, ...] = (3, 4, 23, 3),
        width: int = 64,
        mean: Tensor | None = None,
    ):
        """counts: of the coefficients of each kind; mean: (3, 224, 224) float32, BGR 0..255; None: zeros."""
        super().__init__(block, blocks, width)
        self.counts = counts
        self.fc = nn.Linear(self.features, sum(counts))
        self.register_buffer("mean", torch.zeros(3, SIZE, SIZE) if mean is None else mean, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, 224, 224) BGR 0..255 to (N, count) of each kind, in standard deviations."""
        return torch.split(self.fc(super().forward(x - self.mean)), list(self.counts), 1)


class IdentityNetwork(CoefficientNetwork):
    """Crops to shape (N, 99) and texture (N, 99)."""

    def __init__(self, *resnet: Any, **settings: Any):
        """What CoefficientNetwork takes, less the counts."""
        super().__init__((SHAPES, TEXTURES), *resnet, **settings)
