"""Renders to batches: every time a window is shown it is shifted, turned, mirrored, recoloured and covered anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.mirror_image import MirrorImage
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.stages.detection.region import Region
from extreme3d_ros.stages.foundation_network import trusted
from extreme3d_ros.stages.window import window_about
from training.augmentation import recoloured, torn_off
from training.batches import SampleBatches
from training.foundation.renders import KEPT_SIZE

#: Share of the face above which it counts as hidden, and below which as clear.
_HIDDEN, _CLEAR = 0.2, 0.02


@dataclass(frozen=True)
class Samples:
    """windows: (S, 160, 160, 3) uint8 BGR; detected, true: (S, 468, 2) points in the windows' pixels; K: (S, 3, 3) the
    windows as cameras; R: (S, 3, 3), t: (S, 3) the heads' poses in these cameras' frames, metres; coefficients: (S, K)
    float32; share: (S,) hidden part of the face."""

    windows: np.ndarray
    detected: np.ndarray
    true: np.ndarray
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    coefficients: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.windows)

    def kinds(self) -> dict[str, np.ndarray]:
        """(S,) bool of faces that nothing hides, and of those that something does."""
        return {"clear": self.share < _CLEAR, "hidden": self.share > _HIDDEN}


def load(files: list[Path]) -> Samples:
    """The samples of renders' files."""
    parts: list[list[np.ndarray]] = []
    for file in files:
        with np.load(file, allow_pickle=False) as data:
            to_window, K = _to_window(data["to_image"]), data["K"]
            seen = np.einsum("sij,snj->sni", K, data["truth"].astype(np.float64))
            detected, true = (_mapped(to_window, points) for points in (data["points"], seen[..., :2] / seen[..., 2:]))
            turn = _turns(to_window)
            poses = turn @ data["R"], np.einsum("sij,sj->si", turn, data["t"])
            cameras = _cameras(to_window, K)
            parts.append([data["window"], detected, true, cameras, *poses, data["coefficients"], data["share"]])
    return Samples(*map(np.concatenate, zip(*parts, strict=True)))


def _to_window(to_image):
    """(S, 3, 3): the image's pixels to the kept windows', of the windows' maps (S, 2, 3) to the image's corner."""
    back = np.tile(np.eye(3), (len(to_image), 1, 1))
    # Pixels' centres lie half a pixel from the corner, both here and there.
    back[:, :2, :2] = to_image[..., :2] / KEPT_SIZE
    back[:, :2, 2] = to_image[..., 2] - 0.5 + back[:, :2, :2] @ [0.5, 0.5]
    return np.linalg.inv(back)


def _cameras(to_window, K):
    """(S, 3, 3): the windows as cameras, which are turned about their axis as the windows are in the image."""
    cameras = K.copy()
    cameras[:, :2, :2] *= np.linalg.norm(to_window[:, 0, :2], axis=1)[:, None, None]
    cameras[:, :2, 2] = _mapped(to_window, K[:, None, :2, 2])[:, 0]
    return cameras


def _turns(to_window):
    """(S, 3, 3): from the images' cameras' frames to the windows'."""
    turns = np.tile(np.eye(3), (len(to_window), 1, 1))
    turns[:, :2, :2] = to_window[:, :2, :2] / np.linalg.norm(to_window[:, 0, :2], axis=1)[:, None, None]
    return turns


def _mapped(maps, points):
    return np.einsum("sij,snj->sni", maps[:, :2, :2], points) + maps[:, None, :2, 2]


def sure(samples: Samples) -> np.ndarray:
    """(S,) 0..1: how far detected points are to be left as they are: those of a clear face that isn't turned far.

    On photographs such points are right, and the model's points are embedded where they lie. To undo the errors that
    they have on renders would be to learn the renders.
    """
    return np.where(samples.share < _CLEAR, trusted(samples.R), 0.0)


class Batches(SampleBatches):
    """Random views of samples, as the network takes them: windows (N, size, size, 3), residuals (N, 468, 2), rotations
    (N, 3, 3), and what it should say: errors of the detected points (N, 468, 2), the part of them that it is to undo,
    and coefficients (N, K)."""

    def __init__(self, samples: Samples, model: FaceModel, size: int):
        self._samples, self._mirror, self._size = samples, MirrorImage(model), size
        self._sure = sure(samples)
        self._mean_points = model.landmarks468.on(model.faces, model.mean).astype(np.float64)

    def _plain(self, row):
        return self._view(row, self._samples.detected[row], self._samples.K[row])

    def _varied(self, row, rng):
        detected, K = self._samples.detected[row], self._samples.K[row]
        if rng.random() < 0.5:
            detected = _misplaced(detected, rng)
        zoom = np.exp(rng.normal(0, 0.15))  # many users don't know their camera
        window, *others = self._view(row, detected, K * [[zoom], [zoom], [1.0]])
        if rng.random() < 0.15:
            window = self._covered(window, rng)
        window = recoloured(window, rng)
        if rng.random() < 0.5:
            return np.ascontiguousarray(window[:, ::-1]), *self._mirrored(*others)
        return window, *others

    def _mirrored(self, residual, rotation, errors, aims, coefficients):
        residual, errors, aims = map(self._mirror.offsets, (residual, errors, aims))
        return residual, self._mirror.rotation(rotation), errors, aims, self._mirror.coefficients @ coefficients

    def _view(self, row, detected, K):
        """One sample through the window about detected points (468, 2), in the kept window's pixels."""
        seen = window_about(detected, Camera(K, KEPT_SIZE, KEPT_SIZE), self._mean_points)
        to_window = np.linalg.inv(seen.region.to_image(1)[:, :2]).T
        errors = (detected - self._samples.true[row]) @ to_window
        usual = (self._samples.detected[row] - self._samples.true[row]) @ to_window
        aims = errors - self._sure[row] * usual
        numbers = (part.astype(np.float32) for part in (seen.residual, seen.rotation, errors, aims))
        return self._window(row, seen.region), *numbers, self._samples.coefficients[row]

    def _window(self, row, region: Region):
        """(size, size, 3) uint8: a region of the kept window."""
        to_kept = region.to_image(self._size)
        to_kept[:, 2] += to_kept[:, :2] @ [0.5, 0.5] - 0.5
        flags = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
        return cv2.warpAffine(self._samples.windows[row], to_kept, (self._size, self._size), **flags)

    def _covered(self, window, rng):
        """A part of another window laid over this one."""
        other = cv2.resize(self._samples.windows[rng.integers(len(self._samples))], (self._size, self._size))
        other = np.rot90(other, rng.integers(4))
        return np.where(torn_off(self._size, rng)[..., None], other, window)


def _misplaced(points, rng):
    """Detected points (468, 2) in the kept window's pixels, as a whole elsewhere, larger and turned, and each a little
    off."""
    turn, scale = rng.normal(0, 0.01), np.exp(rng.normal(0, 0.01))
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = points.mean(0)
    moved = (points - middle) @ rotation.T + middle + rng.normal(0, 0.004 * KEPT_SIZE, 2)
    return moved + rng.normal(0, 0.001 * KEPT_SIZE, points.shape)
