"""Renders to pictures and what one network is to say of each."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.stages.detection.region import Region
from extreme3d_ros.stages.window import window_about
from training.foundation.batches import Batches, Samples
from training.foundation.renders import KEPT_SIZE
from training.paper.poses import MIRRORED, pose_shown


class CoefficientTruth:
    """The face model's coefficients of one kind, in standard deviations."""

    def __init__(self, model: FaceModel, kind: str):
        """kind: shape or expression."""
        shapes = len(model.shape_modes)
        self._part = slice(0, shapes) if kind == "shape" else slice(shapes, None)
        self._mirror = MirrorImage(model).coefficients[self._part, self._part]

    def of(self, samples: Samples, row: int, region: Region) -> np.ndarray:
        """What is to be said of a sample in a region of its kept window, (K,) float32."""
        return samples.coefficients[row, self._part]

    def mirrored(self, truth: np.ndarray) -> np.ndarray:
        """What a mirror makes of it."""
        return self._mirror @ truth


class PoseTruth:
    """The pose (6,) that a window shows."""

    def of(self, samples: Samples, row: int, region: Region) -> np.ndarray:
        """As CoefficientTruth's."""
        return pose_shown(samples.R[row], samples.t[row], samples.K[row], region).astype(np.float32)

    def mirrored(self, truth: np.ndarray) -> np.ndarray:
        """As CoefficientTruth's."""
        return truth * MIRRORED


class PictureBatches(Batches):
    """Random views of samples: images (N, 3, size, size) uint8 BGR, and truths (N, K)."""

    def __init__(self, samples: Samples, model: FaceModel, size: int, truth: CoefficientTruth | PoseTruth):
        super().__init__(samples, model, size)
        self._truth = truth

    @staticmethod
    def _stacked(views):
        windows, truths = Batches._stacked(views)
        return windows.transpose(0, 3, 1, 2), truths

    def _mirrored(self, truth):
        return (self._truth.mirrored(truth),)

    def _view(self, row, detected, K):
        region = window_about(detected, Camera(K, KEPT_SIZE, KEPT_SIZE), self._mean_points).region
        return self._window(row, region), self._truth.of(self._samples, row, region)
