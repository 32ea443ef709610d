"""`python -m training.faces.response`: learns how MediaPipe's points answer to a face, and writes the package's file.

Heads are rendered and detected. A detected point is taken to lie where an affine function of the coefficients puts it
on the head (so that it may follow an identity or an expression less, or more, than the skin does), and what is left is
described at each yaw by a mean, a few directions of common error, and independent noise.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.landmark_response import DEFAULT_RESPONSE, head_angles
from extreme3d_ros.face_model.model import BROW, FaceModel
from extreme3d_ros.stages.detection import Detection
from training.faces.generator import FaceGenerator, Wish
from training.faces.head import ICT_FOLDER

SIZE = (448, 448)
YAWS = np.array([0.0, 15.0, 30.0, 45.0, 60.0, 75.0])
_POINTS, _DIRECTIONS = 468, 24
#: Prior deviation of the gain, as a share of the mode itself; and of the offset (metres).
_GAIN, _OFFSET = 0.5, 3e-3
#: Deviation of a point where nothing is known yet, and the least, in outer eye corners' distances.
_NOISE, _LEAST = 0.025, 0.004
#: Detections farther off than this, in the same unit, found something else; faces hidden more than this say more of
#: the thing than of the face.
_LOST, _HIDDEN = 0.3, 0.25
#: Points this near the brows (metres) have no systematic error: on renders the brows lie where we painted them.
_BROW_REACH = 5e-3


def observe(generator: FaceGenerator, seeds) -> dict[str, np.ndarray]:
    """Rendered and detected heads: points (S, 468, 2) pixels, truth (S, 468, 3) their places on the true surface and
    R (S, 3, 3), t (S, 3) the pose, camera frame; K (S, 3, 3); coef (S, K) the model's coefficients."""
    detection, model = Detection(), generator.heads.model
    flat = [modes.reshape(len(modes), -1).astype(np.float64) for modes in (model.shape_modes, model.expression_modes)]
    inverse = [np.linalg.inv(modes @ modes.T) for modes in flat]
    rows = []
    for seed in seeds:
        made = generator(seed, Wish(size=SIZE, most_yaw=75.0))
        faces = detection(made.image) if made.share <= _HIDDEN else []
        if not faces:
            continue
        ours, neutral = ((v.astype(np.float64) - made.t) @ made.R for v in (made.vertices, made.neutral))
        offsets = ((neutral - model.mean).ravel(), (ours - neutral).ravel())
        coefficients = [inv @ (modes @ offset) for inv, modes, offset in zip(inverse, flat, offsets)]
        truth = model.landmarks468.on(model.faces, made.vertices.astype(np.float64))
        rows.append((faces[0].points, truth, made.R, made.t, made.camera.K, np.concatenate(coefficients)))
    return dict(zip(("points", "truth", "R", "t", "K", "coef"), map(np.stack, zip(*rows))))


def learn(model: FaceModel, seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of the package's file."""
    mean = model.landmarks468.on(model.faces, model.mean).astype(np.float64)
    modes = np.concatenate([model.shape_modes, model.expression_modes])
    modes = np.stack([model.landmarks468.on(model.faces, m) for m in modes], axis=-1).astype(np.float64)
    twins = cKDTree(mean).query(mean * [-1.0, 1.0, 1.0])[1]
    errors, slopes, angles = _normalised(model, seen)
    known = np.linalg.norm(np.median(errors, axis=1), axis=1) < _LOST
    errors, slopes, angles = errors[known], slopes[known], angles[known]
    coefficients = np.column_stack([np.ones(known.sum()), seen["coef"][known]])
    deviation = np.full(errors.shape, _NOISE)
    for _ in range(2):
        gain = _gains(errors, slopes, coefficients, deviation, modes)
        left = errors - np.einsum("snij,njk,sk->sni", slopes, gain, coefficients, optimize=True)
        tables = [_at_yaw(left, angles, yaw, twins) for yaw in YAWS]
        nearest = np.abs(np.abs(angles)[:, None] - YAWS).argmin(1)
        deviation = np.stack([_spread(tables[b]) for b in nearest])
    brow = cKDTree(model.mean[model.regions == BROW]).query(mean)[0] < _BROW_REACH
    gain[brow] = 0.0
    tables = [_without_brows(table, brow) for table in tables]
    return {
        "model": np.array(model.name),
        "twins": twins.astype(np.int16),
        "yaws": YAWS,
        "offset_mm": (gain[..., 0] * 1e3).astype(np.float16),
        "gain_mm": (gain[..., 1:] * 1e3).astype(np.float16),
        **{name: np.stack([t[i] for t in tables]).astype(np.float16) for i, name in enumerate(_TABLES)},
    }


_TABLES = ("bias", "factor", "deviation")


def _normalised(model: FaceModel, seen):
    """Errors (S, 468, 2), their derivatives by places on the head (S, 468, 2, 3), and yaws (S,) in degrees: pictures
    turned upright, lengths over the outer eye corners' distance."""
    corners = model.landmarks68.on(model.faces, model.mean)[[36, 45]].astype(np.float64)
    eyes = np.linalg.norm(corners[0] - corners[1])
    errors, slopes, angles = [], [], []
    for points, truth, R, t, K in zip(*(seen[name] for name in ("points", "truth", "R", "t", "K"))):
        axes, yaw = head_angles(R)
        unit = K[0, 0] * eyes / t[2]
        x, y, z = truth.T
        D = np.zeros((len(truth), 2, 3))
        D[:, 0, 0], D[:, 0, 2] = K[0, 0] / z, -K[0, 0] * x / z**2
        D[:, 1, 1], D[:, 1, 2] = K[1, 1] / z, -K[1, 1] * y / z**2
        errors.append((points[:, :2] - Camera(K, *SIZE).project(truth)) @ axes / unit)
        slopes.append(axes.T @ D @ R / unit)
        angles.append(yaw)
    return np.stack(errors), np.stack(slopes), np.array(angles)


def _gains(errors, slopes, coefficients, deviation, modes):
    """(468, 3, 1 + K) by ridge regression, a point at a time, with weights that forgive outliers."""
    count = coefficients.shape[1]
    prior = np.empty((_POINTS, 3, count))
    prior[..., 0] = _OFFSET
    prior[..., 1:] = _GAIN * np.sqrt((modes**2).mean(1))[:, None]
    result = np.empty((_POINTS, 3, count))
    for n in range(_POINTS):
        weight = 1 / deviation[:, n]
        weight = weight / np.sqrt(1 + (np.linalg.norm(errors[:, n] * weight, axis=1, keepdims=True) / 4) ** 2)
        # In units of the prior, so that its precision is the identity.
        rows = slopes[:, n, :, :, None] * coefficients[:, None, None] * prior[n] * weight[:, :, None, None]
        rows = rows.reshape(-1, 3 * count).astype(np.float32)
        normal = (rows.T @ rows).astype(np.float64) + np.eye(3 * count)
        target = rows.T.astype(np.float64) @ (errors[:, n] * weight).ravel()
        result[n] = np.linalg.solve(normal, target).reshape(3, count) * prior[n]
    return result


def _at_yaw(left, angles, yaw, twins):
    """(bias (468, 2), factor (468, 2, L), deviation (468, 2)) of errors (S, 468, 2) near a yaw, both sides together."""
    flip = np.array([-1.0, 1.0])
    width = 0.75 * (YAWS[1] - YAWS[0])
    same = left[np.abs(angles - yaw) < width]
    other = left[np.abs(angles + yaw) < width][:, twins] * flip
    both = np.concatenate([same, other]).reshape(-1, 2 * _POINTS)
    middle = np.median(both, axis=0)
    off = both - middle
    scale = 1.4826 * np.median(np.abs(off), axis=0) + 1e-6
    # A picture whose points are all far off says little of the common ones.
    off = off / np.maximum(1.0, np.sqrt((np.clip(off / scale, -6, 6) ** 2).mean(1)) / 2)[:, None]
    off = np.clip(off, -6 * scale, 6 * scale)
    _, values, vectors = np.linalg.svd(off / scale, full_matrices=False)
    strength = values**2 / len(off)
    count = min(_DIRECTIONS, len(off) // 4)
    # Probabilistic PCA: what the directions share with the noise is taken off them.
    rest = strength[count:].sum() / (2 * _POINTS - count)
    factor = np.zeros((2 * _POINTS, _DIRECTIONS))
    factor[:, :count] = (vectors[:count] * np.sqrt(np.maximum(strength[:count] - rest, 0))[:, None]).T * scale[:, None]
    variance = np.maximum((off**2).mean(0) - (factor**2).sum(1), 0.0)
    deviation = np.maximum(np.sqrt(variance), _LEAST)
    return middle.reshape(-1, 2), factor.reshape(_POINTS, 2, -1), deviation.reshape(-1, 2)


def _without_brows(table, brow):
    """The table with nothing but a usual deviation for the brows' points."""
    bias, factor, deviation = table
    usual = np.minimum(deviation, np.median(deviation))
    bias = np.where(brow[:, None], 0.0, bias)
    return bias, np.where(brow[:, None, None], 0.0, factor), np.where(brow[:, None], usual, deviation)


def _spread(table):
    """(468, 2) total deviation of a table's errors."""
    _, factor, deviation = table
    return np.sqrt((factor**2).sum(2) + deviation**2)


def main():
    parser = argparse.ArgumentParser(prog="python -m training.faces.response", description=__doc__.split("\n\n")[0])
    parser.add_argument("--ict", type=Path, default=ICT_FOLDER, help="folder of ICT-FaceKit light")
    parser.add_argument("--out", type=Path, default=DEFAULT_RESPONSE, help="the npz to write")
    parser.add_argument("--renders", type=int, default=2200, help="rendered heads, of the seeds 0, 1, ...")
    arguments = parser.parse_args()
    start = time.perf_counter()
    generator = FaceGenerator(arguments.ict)
    seen = observe(generator, range(arguments.renders))
    np.savez_compressed(arguments.out, **learn(generator.heads.model, seen))
    taken = time.perf_counter() - start
    print(f"wrote {arguments.out} from {len(seen['t'])} of {arguments.renders} heads in {taken:.0f} s")


if __name__ == "__main__":
    main()
