"""The bump network (Sec. 4.1, Table 2): a deep encoder-decoder with skip connections that turns a face into maps.

`EncoderDecoder` is Table 2 itself; `BumpNetwork` is the package's own network around it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels of Table 2's seven encoder blocks; each decoder block has those of the encoder block of its size.
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
#: The highest bump that the published encoding can hold, metres: half of 255 levels of 1.25 mm / 12.
HIGHEST = 127.5 * 1.25e-3 / 12
_BIAS = 0.1
#: A step of training moves numbers of size 1 a little; bumps are a tenth of what the encoding holds, and less.
_CALM = 0.1


class EncoderDecoder(nn.Module):
    """Table 2. heads: maps that it gives, which share all but the last decoder block and the last convolution;
    channels: of the input; width: factor of Table 2's widths; padding: of the first convolution (7 makes 512 pixels of
    500)."""

    def __init__(self, heads: int, channels: int = 3, width: float = 1.0, padding: int = 7):
        super().__init__()
        widths = [max(round(width * of), 1) for of in WIDTHS]
        self.encoder = nn.ModuleList(
            _convolutions(before, before, of, of, stride=2 if number else 1, padding=1 if number else padding)
            for number, (before, of) in enumerate(zip([channels, *widths], widths, strict=False))
        )
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.decoder = nn.ModuleList(_UpBlock(before, of) for before, of in pairs[:-1])
        self.heads = nn.ModuleList(_Head(*pairs[-1]) for _ in range(heads))
        self.apply(_initialised)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (N, channels, H, W) to a map (N, 1, H', W') for each head, of any sign and size; H' = H + 2 padding
        - 2 has to be a multiple of 64."""
        skipped = []
        for block in self.encoder:
            image = block(image)
            skipped.append(image)
        image = skipped.pop()
        for block in self.decoder:
            image = block(image, skipped.pop())
        (finest,) = skipped
        return [head(image, finest) for head in self.heads]


class BumpNetwork(nn.Module):
    """Windows of faces, with what the foundation is there, to mask, bump and occlusion.

    The paper's network sees the image alone. A bump is a difference to the foundation: this one is shown it.
    """

    CHANNELS = 8

    def __init__(self, width: float):
        """width: factor of Table 2's widths."""
        super().__init__()
        self.maps = EncoderDecoder(heads=3, channels=self.CHANNELS, width=width, padding=1)

    def forward(self, window: Tensor, normals: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """window: (N, H, W, 3) uint8 BGR; normals: (N, H, W, 3) of the foundation, camera frame, 0 off it; place:
        (N, H, W, 2) where on the mean face a pixel lies (stages/face_window.py); H and W multiples of 64.

        Returns (N, H, W) each: mask, the logit of visible face skin; bump in metres, positive towards the camera;
        occlusion, the logit of an object before the face.
        """
        image = window.flip(3).to(torch.float32) / 127.5 - 1.0
        stacked = torch.cat([image, normals.to(torch.float32), place.to(torch.float32)], 3).permute(0, 3, 1, 2)
        mask, bump, occlusion = (value[:, 0] for value in self.maps(stacked))
        return mask, HIGHEST * torch.tanh(_CALM * bump), occlusion


class _UpBlock(nn.Module):
    """Resize and convolution (Odena et al. 2016: no checkerboards), the skipped map beside it, two convolutions."""

    def __init__(self, before: int, of: int):
        super().__init__()
        self.up = nn.Conv2d(before, of, 3, padding=1)
        self.joined = nn.Sequential(
            nn.Conv2d(2 * of, of, 3, padding=1), nn.ReLU(), nn.Conv2d(of, of, 3, padding=1), nn.ReLU()
        )

    def forward(self, image: Tensor, skipped: Tensor) -> Tensor:
        larger = functional.interpolate(image, scale_factor=2.0, mode="nearest")
        return self.joined(torch.cat([functional.relu(self.up(larger)), skipped], 1))


class _Head(nn.Module):
    """The last decoder block and the last convolution of one map."""

    def __init__(self, before: int, of: int):
        super().__init__()
        self.block = _UpBlock(before, of)
        self.last = nn.Conv2d(of, 1, 3, padding=1)

    def forward(self, image: Tensor, skipped: Tensor) -> Tensor:
        return self.last(self.block(image, skipped))


def _convolutions(before: int, first: int, second: int, third: int, stride: int, padding: int) -> nn.Sequential:
    """An encoder block: the first convolution makes the map smaller."""
    return nn.Sequential(
        nn.Conv2d(before, first, 3, stride, padding),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(second, third, 3, padding=1),
        nn.ReLU(),
    )


def _initialised(layer: nn.Module) -> None:
    """Glorot and Bengio's weights, scaled so that the signal keeps its size through ReLUs, and biases of 0.1."""
    if isinstance(layer, nn.Conv2d) and layer.bias is not None:
        nn.init.xavier_normal_(layer.weight, nn.init.calculate_gain("relu"))
        nn.init.constant_(layer.bias, _BIAS)
