"""Features of a person's identity, to find references by (Sec. 4.2): unit vectors, alike where persons are.

The paper takes a recognition network's. By default ours are the foundation's identity coefficients (alpha of Eq. 1),
which its Sec. 5.1 and Tran et al. 2017 find to tell persons apart and to bear occlusion.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Crop, Foundation

#: What the names of networks' features begin with.
EMBEDDING = "embedding:"
#: How far a foundation's vertices may be from what the modes span, metres: it weighs them against the prior.
_NOISE = 1e-3
#: The rows and columns of a crop in which eyes, nose and mouth lie about where ArcFace's template of 112 pixels has
#: them (eyes at 46 %, mouth at 82 % of the height; eyes 31 % of the width apart): frontal ones of the mean face.
_MIDDLE = slice(40, 428), slice(64, 452)


class ShapeFeature:
    """The foundation's identity coefficients, whatever its expression and pose. name: of the kind of feature;
    length: S."""

    def __init__(self, model: FaceModel):
        self.name = f"shape:{model.name}"
        self.length = count = len(model.shape_modes)
        self._modes = modes = np.concatenate([model.shape_modes, model.expression_modes]).reshape(-1, model.mean.size)
        self._mean = model.mean
        # argmin_c |x - c modes|^2 / noise^2 + |c|^2, as a matrix that modes x is multiplied by; of c the shape alone.
        normal = (modes @ modes.T).astype(np.float64) / _NOISE**2 + np.eye(len(modes))
        self._solve = (np.linalg.inv(normal)[:count] / _NOISE**2).astype(np.float32)
        self._mirror = MirrorImage(model).coefficients[:count, :count]

    def __call__(self, crop: Crop, foundation: Foundation) -> np.ndarray:
        """(S,) float32 of unit length; zero of the mean face. The crop isn't looked at."""
        return _unit(self._solve @ (self._modes @ (foundation.to_model(foundation.vertices) - self._mean).ravel()))

    def mirrored(self, feature: np.ndarray) -> np.ndarray:
        """The feature (S,) of the face's mirror image."""
        return _unit(self._mirror @ feature)


class EmbeddingFeature:
    """A recognition network's feature of a crop's middle. name: of the kind of feature, with the network's digest;
    length: F.

    The network: one input (1, 3, S, S) or (1, S, S, 3), the face upright, RGB, as float32 (value - 127.5) / 127.5, as
    ArcFace-like networks want it, or as uint8; one output (1, F). The face isn't aligned by its points: in the crop it
    lies about where such networks were taught it.
    """

    def __init__(self, path: Path, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken, or a network of another signature."""
        self._engine = engines(path)
        self.name = f"{EMBEDDING}{digest(path)[:16]}"
        try:
            (self._input, shape), *others = self._engine.shapes.items()
            self._size, self._channels_first = _layout(shape)
            if others or len(self._engine.outputs) != 1:
                raise ValueError
            self.length = self._found_length()
        except ValueError:
            raise ModelFileError(
                f"{path} is no embedding network: it must take one image (1, 3, S, S) or (1, S, S, 3) of float or "
                "uint8 and give one vector (1, F)"
            ) from None

    def __call__(self, crop: Crop, foundation: Foundation) -> np.ndarray:
        """(F,) float32 of unit length. The foundation isn't looked at."""
        return _unit(self._run(crop.image)[0].astype(np.float32))

    def mirrored(self, feature: np.ndarray) -> np.ndarray:
        """The feature itself: such networks are taught to give the mirrored face the same."""
        return feature

    def _found_length(self) -> int:
        """F, by a first run, which also finds out whether it wants bytes or floats. Raises ValueError where it gives no
        vector."""
        blank = np.full((512, 512, 3), 127, np.uint8)
        try:
            self._of_bytes = False
            result = self._run(blank)
        except ValueError:
            self._of_bytes = True
            result = self._run(blank)
        if result.ndim != 2 or len(result) != 1:
            raise ValueError("no vector")
        return result.shape[1]

    def _run(self, image: np.ndarray) -> np.ndarray:
        small = cv2.resize(image[_MIDDLE], (self._size, self._size), interpolation=cv2.INTER_AREA)[..., ::-1]
        given = small.transpose(2, 0, 1) if self._channels_first else small
        if not self._of_bytes:
            given = (given.astype(np.float32) - 127.5) / 127.5
        (result,) = self._engine(**{self._input: np.ascontiguousarray(given[None])}).values()
        return result


def _layout(shape: tuple) -> tuple[int, bool]:
    """S, and whether the channels come first, of an input's shape; sizes that a network leaves open aren't numbers.

    Raises ValueError where it is no image's.
    """
    if len(shape) == 4 and (shape[0] == 1 or not isinstance(shape[0], int)):
        for size, channels, first in ((shape[1:3], shape[3], False), (shape[2:], shape[1], True)):
            if channels == 3 and size[0] == size[1] and isinstance(size[0], int) and 16 <= size[0] <= 1024:
                return size[0], first
    raise ValueError("not an image")


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return (vector / length if length > 0 else vector).astype(np.float32)
