"""An expression network in the manner of ExpNet (Chang et al., FG 2018): a ResNet-101 (He et al., CVPR 2016) regressing
the face model's expression coefficients from a face crop, without landmarks."""

from __future__ import annotations

from typing import Any

from extreme3d_ros.networks.shape import CoefficientNetwork

#: Expression coefficients of the face model.
EXPRESSIONS = 29


class ExpressionNetwork(CoefficientNetwork):
    """Crops to expressions, a tuple of one (N, 29)."""

    def __init__(self, *resnet: Any, count: int = EXPRESSIONS, **settings: Any):
        """count: of the coefficients; else what CoefficientNetwork takes."""
        super().__init__((count,), *resnet, **settings)
