"""The road, in order: `FastPath` makes observations of every frame, `Completion` the finished mesh of the newest."""

from __future__ import annotations

from extreme3d_ros.records import Completed, Crop, Foundation, Frame, Layers, Observation


class FastPath:
    """detection - crop - foundation - raster - occlusion - bump."""

    def __init__(self, model):
        self.model = model

    def __call__(self, frame: Frame, max_faces: int = 1) -> list[Observation]:
        """The faces of a frame, largest first; an empty list where there is none."""
        raise NotImplementedError


class Completion:
    """hole filling - soft symmetry - zipper."""

    def __init__(self, model):
        self.model = model

    def __call__(self, crop: Crop, foundation: Foundation, layers: Layers, *, intermediates: bool = False) -> Completed:
        """The finished mesh of one observation; intermediates: also the dense visible surface before completion."""
        raise NotImplementedError
