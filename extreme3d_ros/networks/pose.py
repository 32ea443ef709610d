"""A head pose network in the manner of FacePoseNet (Chang et al., ICCV Workshops 2017): AlexNet (Krizhevsky et al.,
NIPS 2012) regressing six degrees of freedom from a face crop, without landmarks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Side of the input, pixels.
SIZE = 227
#: About what pixels' mean and standard deviation are.
_MIDDLE, _SPREAD = 127.5, 64.0


class PoseNetwork(nn.Module):
    """Face crops to head poses.

    The last layer gives poses less their mean, in standard deviations, so that radians and metres weigh alike in a
    loss; `set_statistics` tells both, from the training poses. They are buffers and part of the state dict.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int = 96, hidden: int = 4096):
        """width: channels of the first convolution, a multiple of 6 (AlexNet's 96); hidden: of the dense layers."""
        super().__init__()
        wide, wider = width * 8 // 3, width * 4
        self.features = nn.Sequential(
            *_convolution(3, width, 11, stride=4),
            nn.MaxPool2d(3, 2),
            *_convolution(width, wide, 5, padding=2),
            nn.MaxPool2d(3, 2),
            *_convolution(wide, wider, 3, padding=1),
            *_convolution(wider, wider, 3, padding=1),
            *_convolution(wider, wide, 3, padding=1),
            nn.MaxPool2d(3, 2),
        )
        self.regressor = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(wide * 6 * 6, hidden), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout()),
            nn.Linear(hidden, 6),
        )
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("deviation", torch.ones(6))

    def set_statistics(self, poses: Tensor) -> None:
        """Takes mean and deviation of poses (N, 6) as `forward` gives them, side by side."""
        self.mean.copy_(poses.mean(0))
        self.deviation.copy_(poses.std(0))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 227, 227) BGR 0..255 to rotation vectors (N, 3), whose direction is the axis and whose length the
        angle in radians, and translations (N, 3) in metres: p_camera = R diag(1, -1, -1) p_model + t, where the model's
        y points up and its z out of the face, so that R is small for a face that looks into the camera.

        The camera is the crop's own: training/paper/poses.py.
        """
        pose = self.normalised(x) * self.deviation + self.mean
        return pose[:, :3], pose[:, 3:]

    def normalised(self, x: Tensor) -> Tensor:
        """(N, 6) the pose in standard deviations from its mean: what a loss compares."""
        return self.regressor(self.features((x - _MIDDLE) / _SPREAD))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> tuple[nn.Module, ...]:
    """Batch normalisation stands where AlexNet has its local response normalisation: it trains more surely."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
