"""How detected points answer to a face: where they lie on average, how they follow shape and expression, and how their
errors go together, by the head's yaw. Learned by `python -m training.faces.response`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.npz import BROKEN, read_npz

DEFAULT_RESPONSE = Path(__file__).parent.parent / "data" / "landmark_response.npz"


@dataclass(frozen=True)
class PointErrors:
    """Errors of the 468 points at one yaw, in units of the distance between the outer eye corners, along the head's own
    right and down in the picture: bias + factor @ z + deviation * noise, z and noise standard normal.

    bias: (468, 2); factor: (468, 2, L); deviation: (468, 2).
    """

    bias: np.ndarray
    factor: np.ndarray
    deviation: np.ndarray

    def mirrored(self, twins: np.ndarray) -> PointErrors:
        """The errors at the opposite yaw."""
        flip = np.array([-1.0, 1.0])
        return PointErrors(
            self.bias[twins] * flip, self.factor[twins] * flip[:, None], np.ascontiguousarray(self.deviation[twins])
        )


@dataclass(frozen=True)
class LandmarkResponse:
    """offset: (468, 3) and gain: (468, 3, K) metres, what is added to the points' places on the mean and to the modes
    there (shape, then expression); errors: PointErrors at `yaws` (B,) in degrees, evenly spaced about 0."""

    offset: np.ndarray
    gain: np.ndarray
    yaws: np.ndarray
    errors: tuple[PointErrors, ...]

    def at(self, yaw: float) -> PointErrors:
        """The errors at the nearest yaw (degrees)."""
        return self.errors[int(np.abs(self.yaws - yaw).argmin())]


def head_angles(R: np.ndarray) -> tuple[np.ndarray, float]:
    """The head's right and down in the picture, the columns of a (2, 2) rotation, and its yaw in degrees (positive: the
    nose points to the picture's right)."""
    up = R[:2, 1] / max(float(np.linalg.norm(R[:2, 1])), 1e-9)
    axes = np.array([[-up[1], -up[0]], [up[0], -up[1]]])
    forward = axes.T @ R[:2, 2]
    return axes, float(np.degrees(np.arctan2(forward[0], -R[2, 2])))


def load_response(model: FaceModel, path: Path = DEFAULT_RESPONSE) -> LandmarkResponse | None:
    """The shipped response; None where it was learned for another model. Raises ModelFileError if it is unreadable."""
    try:
        return _from_arrays(read_npz(path), model)
    except BROKEN as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        remedy = "build it with `python -m training.faces.response` or reinstall the package"
        raise ModelFileError(f"{path} is not a readable landmark response ({reason}): {remedy}") from None


def _from_arrays(data: dict[str, np.ndarray], model: FaceModel) -> LandmarkResponse | None:
    if str(data["model"]) != model.name:
        return None
    offset, gain = (data[name].astype(np.float64) / 1e3 for name in ("offset_mm", "gain_mm"))
    if gain.shape[2] != len(model.shape_modes) + len(model.expression_modes):
        return None
    twins, yaws = data["twins"], data["yaws"].astype(np.float64)
    parts = [data[name].astype(np.float64) for name in ("bias", "factor", "deviation")]
    right = [PointErrors(*(part[b] for part in parts)) for b in range(len(yaws))]
    # The stored yaws begin at 0, where both sides are alike.
    left = [errors.mirrored(twins) for errors in right[:0:-1]]
    return LandmarkResponse(offset, gain, np.concatenate([-yaws[:0:-1], yaws]), (*left, *right))
