"""The package's detection on rendered heads."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection import Detection
from training.faces.generator import Rendered


class UprightDetection(Detection):
    """Without the long search in turned images: heads stand upright here."""

    def _turned(self, image, doubtful):
        return [next(iter(super()._turned(image, doubtful)))]

    def head(self, made: Rendered, truth: np.ndarray, stray: float) -> Face | None:
        """The largest face whose middle lies within `stray` sizes of the head's; None: what was found is something
        else. truth: (468, 3) MediaPipe's points on the head, camera frame."""
        points = made.camera.project(truth)
        reach = stray * np.ptp(points, axis=0).max()
        near = (f for f in self(made.image) if np.linalg.norm(f.points.mean(0) - points.mean(0)) < reach)
        return next(near, None)
