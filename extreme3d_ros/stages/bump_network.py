"""The package's own bump network (Sec. 4.1): mask, bump and occlusion of the part of the crop that holds the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.engines import Engine, EngineMaker, OnnxEngine
from extreme3d_ros.engines.trial import answers
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Crop, Surface
from extreme3d_ros.stages.face_window import WindowMaker

DEFAULT_NETWORK = Path(__file__).parent.parent / "data" / "bump.onnx"
_OUTPUTS = ("mask", "bump", "occlusion")


class BumpNetwork:
    """The network of an ONNX file that `python -m training.bump` has made."""

    def __init__(self, model: FaceModel, path: Path = DEFAULT_NETWORK, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken or another network."""
        self._engine = engines(path)
        size = _size(self._engine)
        if not size:
            raise ModelFileError(f"{path} is no bump network of this package: make it with `python -m training.bump`")
        self._window = WindowMaker(model, size)

    def __call__(self, crop: Crop, surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """On the crop's pixels, (512, 512) float32 each, 0 beyond the window: the chance of visible face skin; the
        bump in metres, positive towards the camera; the chance of an object before the face."""
        window, inputs = self._window(crop, surface)
        found = self._engine(**{name: value[None] for name, value in inputs.items()})
        height, width = surface.facing.shape
        mask, bump, hidden = (window.laid_back(found[name][0], height, width) for name in _OUTPUTS)
        return mask, bump, hidden


def _size(engine: Engine) -> int:
    """The side of the window that a bump network takes; 0 for any other network."""
    size = (*dict(engine.shapes).get("window", ()), 0, 0)[1]
    if not isinstance(size, int):
        return 0
    window = np.zeros((1, size, size, 3), np.uint8)
    normals, place = window.astype(np.float32), np.zeros((1, size, size, 2), np.float32)
    inputs: dict[str, np.ndarray] = {"window": window, "normals": normals, "place": place}
    return size if answers(engine, inputs, dict.fromkeys(_OUTPUTS, (1, size, size))) else 0
