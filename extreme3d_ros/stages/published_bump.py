"""Mask and bump from the image itself (Sec. 4.1): the maps of the published bump network for a face crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.engines.trial import answers
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.records import CROP_SIZE, Crop
from extreme3d_ros.stages.crop import PUBLISHED, PUBLISHED_SIZE

_MAPS = ("mask", "bump")


class PublishedBump:
    """The network of an ONNX file that `extreme3d models import bump2018` has made."""

    def __init__(self, path: Path, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken or another network."""
        self._engine = engines(path)
        image = np.zeros((1, PUBLISHED_SIZE, PUBLISHED_SIZE, 3), np.uint8)
        if not answers(self._engine, {"image": image}, dict.fromkeys(_MAPS, (1, CROP_SIZE, CROP_SIZE))):
            remedy = "make it with `extreme3d models import bump2018`"
            raise ModelFileError(f"{path} is no sound bump network of this package: {remedy}")

    def __call__(self, crop: Crop) -> tuple[np.ndarray, np.ndarray]:
        """mask, 0..1, and bump, metres, positive towards the camera; each (512, 512) float32 on the crop's pixels.

        The network pads the published crop, which lies in the middle of ours, by what ours has around it.
        """
        image = np.ascontiguousarray(crop.image[PUBLISHED, PUBLISHED])
        maps = self._engine(image=image[None])
        mask, bump = (maps[name][0] for name in _MAPS)
        return mask, bump

    @property
    def origin(self) -> str:
        """Where its weights are from, as its file says."""
        return self._engine.metadata.get("origin", "of unknown origin")
