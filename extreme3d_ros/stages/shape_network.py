"""Identity from the image itself (Sec. 3.1): the published network's shape coefficients of a face crop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.engines.trial import answers
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.records import Crop
from extreme3d_ros.stages.crop import PUBLISHED

#: Shape coefficients that the network gives.
SHAPES = 99
_SIZE = 224


class ShapeNetwork:
    """The network of an ONNX file that `extreme3d models import shape2018` has made."""

    def __init__(self, path: Path, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken or another network."""
        self._engine = engines(path)
        image = np.zeros((1, 3, _SIZE, _SIZE), np.float32)
        if not answers(self._engine, {"image": image}, {"shape": (1, SHAPES)}):
            remedy = "make it with `extreme3d models import shape2018`"
            raise ModelFileError(f"{path} is no sound identity network of this package: {remedy}")

    def __call__(self, crop: Crop) -> np.ndarray:
        """alpha of Eq. 1, (99,) float64, in standard deviations."""
        (alpha,) = self._engine(image=network_input(crop.image))["shape"]
        return alpha.astype(np.float64)

    @property
    def origin(self) -> str:
        """Where its weights are from, as its file says."""
        return self._engine.metadata.get("origin", "of unknown origin")


def network_input(image: np.ndarray) -> np.ndarray:
    """(1, 3, 224, 224) float32, BGR 0..255, of a crop's image (512, 512, 3): the published crop of 500 within it.

    Averaged over areas: where 500 pixels become 224, interpolation between two would leave some unseen, and let noise
    and fine texture through that change from frame to frame.
    """
    small = cv2.resize(image[PUBLISHED, PUBLISHED], (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32)
