"""Rendered heads as the package's detection finds them."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection import Detection
from training.faces.generator import FaceGenerator, Rendered, Wish


class DetectedHeads:
    """Renders heads and detects them. model: whose faces they are."""

    def __init__(self):
        self._generate, self._detect = FaceGenerator(), _UprightDetection()
        self.model: FaceModel = self._generate.heads.model

    def __call__(self, seed: int, wish: Wish, stray: float) -> tuple[Rendered, np.ndarray, Face] | None:
        """A head, MediaPipe's points on it (468, 3), camera frame, and the largest face whose middle lies within
        `stray` sizes of the head's; None: what was found is something else."""
        made = self._generate(seed, wish)
        truth = self.model.landmarks468.on(self.model.faces, made.vertices.astype(np.float64))
        points = made.camera.project(truth)
        reach = stray * np.ptp(points, axis=0).max()
        for face in self._detect(made.image):
            if np.linalg.norm(face.points.mean(0) - points.mean(0)) < reach:
                return made, truth, face
        return None


class _UprightDetection(Detection):
    """Without the long search in turned images: heads stand upright here."""

    def _turned(self, image, doubtful):
        return [next(iter(super()._turned(image, doubtful)))]
