"""The bump network of the CVPR 2018 release: Table 2, its image normalised and its maps decoded."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extreme3d_ros.networks.bump import EncoderDecoder
from extreme3d_ros.stages.bump import METRES_PER_LEVEL, ZERO_LEVEL

#: Side of the input, pixels.
SIZE = 500


class PublishedBumpNetwork(nn.Module):
    """Published face crops to mask and bump (INTEROP.md)."""

    def __init__(self, maps: EncoderDecoder | None = None):
        """maps: with the heads mask and bump; None: Table 2's of random weights."""
        super().__init__()
        self.maps = EncoderDecoder(heads=2) if maps is None else maps

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: (N, 500, 500, 3) uint8 BGR to mask 0..1 and bump in metres, positive towards the camera, each
        (N, 512, 512); image pixel (x, y) is map pixel (x + 6, y + 6)."""
        # The publication's (x / 255 - 0.5) / 0.5 of RGB.
        normalised = image.flip(3).to(torch.float32) / 127.5 - 1.0
        mask, bump = (torch.tanh(value[:, 0]) for value in self.maps(normalised.permute(0, 3, 1, 2)))
        # Its maps are stored in 8 bits, bumps as (v + 1) 127.5; what a level means holds between levels too.
        return mask.clamp(0, 1), ((bump + 1) * 127.5 - ZERO_LEVEL) * METRES_PER_LEVEL
