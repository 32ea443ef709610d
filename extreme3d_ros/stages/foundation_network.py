"""What the foundation network says of a face: better points than the detected ones, and who it may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.engines.trial import answers
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.fitting import Evidence
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Frame
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.stages.window import Window, window_about

DEFAULT_NETWORK = Path(__file__).parent.parent / "data" / "foundation.onnx"
#: From the first to the second yaw (degrees) detected points become doubtful.
_TURNED = 20.0, 45.0


class FoundationNetwork:
    """The network, for one face model: of another than it was trained for it only places the points.

    It is asked twice, the second time about the mirror image, so that a mirrored face gives the mirrored answer.
    """

    def __init__(self, model: FaceModel, path: Path = DEFAULT_NETWORK, engines: EngineMaker = OnnxEngine):
        """Raises ModelFileError where the file is missing, broken or another network, or of other modes than those of
        the face model that it names."""
        self._engine = engines(path)
        self._size = (*dict(self._engine.shapes).get("window", ()), 0, 0)[1]
        self._coefficients = _modes(model)
        self._knows_model = self._engine.metadata.get("face_model") == model.name
        own = model if self._knows_model else load_face_model()
        if not self._sound(_modes(own)):
            raise ModelFileError(
                f"{path} is no foundation network for the {_modes(own)} modes of the face model {own.name}: install "
                "the package again, or import that model again"
            )
        self._mean_points = own.landmarks468.on(own.faces, own.mean).astype(np.float64)
        self._mirror = MirrorImage(own)

    def __call__(self, frame: Frame, points: np.ndarray) -> Evidence:
        """points: (468, 2) detected, in the frame's pixels. Raises NoPose where none explains them."""
        window = window_about(points, frame.camera, self._mean_points)
        moved, deviation, mean, spread = self._ask(frame.image, window)
        doubt = 1 - trusted(window.rotation) * (1 - significance(moved, deviation))
        better = points + doubt * moved @ window.region.to_image(1)[:, :2].T
        if not self._knows_model:
            mean, spread = np.zeros(self._coefficients), np.ones(self._coefficients)
        return Evidence(better, deviation * window.region.side, mean, spread)

    def _sound(self, modes: int) -> bool:
        if not isinstance(self._size, int):
            return False
        window = np.zeros((2, self._size, self._size, 3), np.uint8)
        residual, rotation = np.zeros((2, 468, 2), np.float32), np.stack(2 * [np.eye(3, dtype=np.float32)])
        of_points = {"moved": residual.shape, "point_scatter": (2, 468)}
        of_modes = {"coefficients": (2, modes), "coefficient_scatter": (2, modes)}
        inputs: dict[str, np.ndarray] = {"window": window, "residual": residual, "rotation": rotation}
        return answers(self._engine, inputs, of_points | of_modes)

    def _ask(self, image: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Correction (468, 2) and deviation (468,) of the points in sides of the window; the coefficients' mean and
        spread (K,)."""
        patch, mirror = Pyramid(image).patch(window.region, self._size), self._mirror
        residual = [window.residual, mirror.offsets(window.residual)]
        rotation = [window.rotation, mirror.rotation(window.rotation)]
        found = self._engine(
            window=np.stack([patch, patch[:, ::-1]]),
            residual=np.asarray(residual, np.float32),
            rotation=np.asarray(rotation, np.float32),
        )
        one, other = ({name: value[i].astype(np.float64) for name, value in found.items()} for i in (0, 1))
        moved = 0.5 * (one["moved"] + mirror.offsets(other["moved"]))
        deviation = np.exp(0.5 * (one["point_scatter"] + other["point_scatter"][mirror.twins]))
        mean = 0.5 * (one["coefficients"] + mirror.coefficients @ other["coefficients"])
        spread = np.exp(np.minimum(0.5 * (one["coefficient_scatter"] + other["coefficient_scatter"]), 0.0))
        return moved, deviation, mean, spread


def _modes(model: FaceModel) -> int:
    return len(model.shape_modes) + len(model.expression_modes)


def trusted(rotations: np.ndarray) -> np.ndarray:
    """0..1: how far to believe detected points of heads with these rotations (..., 3, 3), from the model's frame to
    axes right, down and away: the more they are turned, the less."""
    yaw = np.degrees(np.arctan2(np.abs(rotations[..., 0, 2]), -rotations[..., 2, 2]))
    return np.clip((_TURNED[1] - yaw) / (_TURNED[1] - _TURNED[0]), 0, 1)


def significance(moved: np.ndarray, deviation: np.ndarray) -> float:
    """0..1: how much of a correction (468, 2) to take whose deviation along either axis is (468,).

    The less it exceeds its own uncertainty, the less (James and Stein 1961): the detector has learned from photographs,
    the network from renders only.
    """
    size = (moved**2).sum(1).mean()
    return max(0.0, 1.0 - 2 * (deviation**2).mean() / max(size, 1e-12))
