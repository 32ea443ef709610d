"""The package's own bump network (Sec. 4.1): mask, bump and occlusion of the part of the crop that holds the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.engines.trial import answers
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Crop, Surface
from extreme3d_ros.stages.face_window import SIZE, WindowMaker

DEFAULT_NETWORK = Path(__file__).parent.parent / "data" / "bump.onnx"
_OUTPUTS = ("mask", "bump", "occlusion")


class BumpNetwork:
    """The network of an ONNX file that `python -m training.bump` has made."""

    def __init__(self, model: FaceModel, path: Path = DEFAULT_NETWORK, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken or another network."""
        self._engine, self._window = engines(path), WindowMaker(model)
        square = (1, SIZE, SIZE)
        inputs: dict[str, np.ndarray] = {
            "window": np.zeros((*square, 3), np.uint8),
            "normals": np.zeros((*square, 3), np.float32),
            "place": np.zeros((*square, 2), np.float32),
        }
        if not answers(self._engine, inputs, dict.fromkeys(_OUTPUTS, square)):
            raise ModelFileError(f"{path} is no bump network of this package: make it with `python -m training.bump`")

    def __call__(self, crop: Crop, surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """On the crop's pixels, (512, 512) float32 each, 0 beyond the window: the chance of visible face skin; the
        bump in metres, positive towards the camera; the chance of an object before the face."""
        window, inputs = self._window(crop, surface)
        found = self._engine(**{name: value[None] for name, value in inputs.items()})
        mask, bump, hidden = (window.laid_back(found[name][0]) for name in _OUTPUTS)
        return mask, bump, hidden
