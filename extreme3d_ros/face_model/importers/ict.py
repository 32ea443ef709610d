"""ICT-FaceKit (light): its folder of OBJ files, or the same as `ict_facekit.npz`; centimetres.

Of its meshes the face area is taken at full resolution: vertices 0-9408, the skin with ears, forehead and the front of
the neck; no eyeballs, teeth or back of the head, so eyes and mouth are openings. A smaller mesh is taken whole.
Identity coefficients are in standard deviations; an expression's coefficient of 1 is its full activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import reason
from extreme3d_ros.face_model.importers.obj import read_obj
from extreme3d_ros.face_model.importers.source import MOST_MODES, UNKNOWN, Source
from extreme3d_ros.face_model.importers.symmetry import symmetrical
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.npz import read_npz

_FACE_VERTICES = 9409
_NEUTRAL = "generic_neutral_mesh.obj"
#: Vertices of the 68 standard landmarks in ICT-FaceKit's topology, which its OBJ files do not tell.
_LANDMARKS68 = (
    [1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443]
    + [268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269]
    + [3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275]
    + [6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966]
)


@dataclass(frozen=True)
class _Kit:
    """neutral: (N, 3); identity, expressions: (K, N, 3) offsets; quads: (Q, 4), -1 where a triangle; landmarks68."""

    neutral: np.ndarray
    identity: np.ndarray
    expressions: np.ndarray
    quads: np.ndarray
    landmarks68: np.ndarray


def read_ict(path: Path) -> Source:
    """path: the npz, the folder that holds it, or the folder of OBJ files."""
    if (path / "ict_facekit.npz").exists():
        path = path / "ict_facekit.npz"
    kit = _read_folder(path) if path.is_dir() else _read_npz(path)
    V = min(len(kit.neutral), _FACE_VERTICES)
    quads = kit.quads[(kit.quads < V).all(1)]
    if not len(quads):
        raise Broken("the face area has no faces")
    mean = kit.neutral[:V].astype(np.float64)
    if not np.isfinite(mean).all():
        raise Broken("the neutral face is not finite")
    return Source(
        name="ict-facekit-full",
        metres=1e-2,
        mean=mean,
        shape_modes=kit.identity[:, :V].astype(np.float32),
        expression_modes=kit.expressions[:, :V].astype(np.float32),
        faces=_split(quads, mean),
        landmarks68=kit.landmarks68,
    )


def _read_npz(path) -> _Kit:
    try:
        arrays = read_npz(path)
        kit = _Kit(*(arrays[key] for key in ("neutral", "identity", "expressions", "faces", "landmarks68")))
    except (KeyError, ValueError) as error:
        raise Broken(f"broken npz: {reason(error)}") from None
    N = len(kit.neutral) if kit.neutral.ndim else 0
    for name, shape in {"neutral": (N, 3), "identity": (..., N, 3), "expressions": (..., N, 3)}.items():
        _check(name, getattr(kit, name), shape, "f")
    _check("faces", kit.quads, (..., 4), "iu")
    _check("landmarks68", kit.landmarks68, (68,), "iu")
    quads = kit.quads.astype(np.int64)
    if quads[:, :3].min(initial=0) < 0 or quads.min(initial=0) < -1 or quads.max(initial=0) >= N:
        raise Broken("faces points to a vertex that is not there")
    if kit.landmarks68.min() < 0:
        raise Broken("landmarks68 points to a vertex that is not there")
    return _Kit(kit.neutral, kit.identity, kit.expressions, quads, kit.landmarks68.astype(np.int64))


def _check(name, array, shape, kinds):
    """shape: may begin with ... for any number."""
    same = array.ndim == len(shape) and all(want in (..., size) for size, want in zip(array.shape, shape))
    if not same or array.dtype.kind not in kinds:
        raise Broken(f"{name} has the shape {array.shape} and the type {array.dtype}")


def _read_folder(folder) -> _Kit:
    """The offsets are the other meshes' distances from the neutral one; all OBJs but identities are expressions."""
    neutral, quads = read_obj(folder / _NEUTRAL)
    others = sorted(set(folder.glob("*.obj")) - {folder / _NEUTRAL})
    identities = [path for path in others if path.stem.removeprefix("identity").isdigit()]
    if not identities or len(others) > MOST_MODES:
        raise Broken(f"{len(identities)} identities among {len(others)} OBJ files")
    expressions = [path for path in others if path not in identities]
    known = len(neutral) >= _FACE_VERTICES
    landmarks = np.array(_LANDMARKS68) if known else np.full(68, UNKNOWN)
    return _Kit(neutral, _offsets(identities, neutral), _offsets(expressions, neutral), quads, landmarks)


def _offsets(paths, neutral):
    offsets = np.empty((len(paths), *neutral.shape), np.float32)
    for number, path in enumerate(paths):
        vertices, _ = read_obj(path)
        if vertices.shape != neutral.shape:
            raise Broken(f"{path.name} has {len(vertices)} vertices, {_NEUTRAL} {len(neutral)}")
        offsets[number] = vertices - neutral
    return offsets


def _split(quads, vertices):
    """Quads to triangles (T, 3), along the shorter diagonal of the symmetrised mesh, so that mirror images are split
    alike; of equal ones along the one with the end nearest to the midline."""
    _, twins = symmetrical(vertices, 0.0, None)
    corners = (0.5 * (vertices + vertices[twins] * [-1.0, 1.0, 1.0]))[quads]
    length = [np.linalg.norm(corners[:, i] - corners[:, i + 2], axis=1).round(6) for i in (0, 1)]
    inner = [np.abs(corners[:, [i, i + 2], 0]).min(1).round(6) for i in (0, 1)]
    first = np.where(length[0] == length[1], inner[0] < inner[1], length[0] < length[1])
    first = (first | (quads[:, 3] < 0))[:, None, None]
    halves = np.where(first, quads[:, [[0, 1, 2], [0, 2, 3]]], quads[:, [[0, 1, 3], [1, 2, 3]]]).reshape(-1, 3)
    return halves[(halves >= 0).all(1)]
