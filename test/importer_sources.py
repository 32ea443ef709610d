"""Small face models in other systems' formats, made from the shipped model's mean: what the importers' tests read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.io import savemat

from extreme3d_ros.face_model import load_face_model

FLIP = np.array([-1.0, 1.0, 1.0])
#: Of the grid, on either side of its middle.
CELLS = 22


@dataclass(frozen=True)
class Synthetic:
    """mean: (V, 3) metres; shape, expression: (K, V, 3) orthonormal-like directions; deviations (K,) of each;
    faces: (T, 3); pair: (V,); landmarks: (68,) vertices; all indices from 0."""

    mean: np.ndarray
    offset: np.ndarray
    shape: np.ndarray
    expression: np.ndarray
    shape_deviations: np.ndarray
    expression_deviations: np.ndarray
    faces: np.ndarray
    pair: np.ndarray
    landmarks: np.ndarray

    def evaluate(self, alpha, eta):
        """Eqs. 1 and 2 by plain sums, metres, in the source's own place: (V, 3)."""
        total = self.mean + self.offset
        for a, deviation, mode in zip(alpha, self.shape_deviations, self.shape):
            total = total + a * deviation * mode
        for e, deviation, mode in zip(eta, self.expression_deviations, self.expression):
            total = total + e * deviation * mode
        return total

    @property
    def sellion(self):
        """The deepest midline place within 15 mm of landmark 27, which our frame has for its origin."""
        mean = self.mean + self.offset
        middle = mean[np.abs(mean[:, 0]) < 1e-9]
        near = middle[(np.abs(middle - mean[self.landmarks[27]]) < 0.015).all(1)]
        return near[near[:, 2].argmin()] * [0, 1, 1]


def synthetic(shapes=6, expressions=4, place=(0.0, 0.03, 0.05)) -> Synthetic:
    """A symmetric grid over the shipped mean's uv layout, shifted from our origin by `place`."""
    ours = load_face_model()
    steps = np.arange(-CELLS, CELLS + 1)
    columns, rows = np.meshgrid(steps, steps)
    surface = LinearNDInterpolator(ours.uv.astype(np.float64), ours.mean.astype(np.float64))
    # The left half twice: exactly symmetric.
    grid = surface(0.5 + 0.49 * np.abs(columns) / CELLS, 0.5 + 0.49 * rows / CELLS)
    grid[..., 0] *= np.sign(columns)
    inside = np.isfinite(grid).all(-1)
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    mean = grid[inside]
    twin = number[:, ::-1][inside]
    points = ours.landmarks68.on(ours.faces, ours.mean)
    landmarks = np.linalg.norm(points[:, None] - mean[None], axis=2).argmin(1)
    rng = np.random.default_rng(5)

    def random_modes(count):
        raw = rng.normal(size=(count, len(mean), 3))
        return (raw + raw[:, twin] * FLIP) / np.sqrt(8 * len(mean))

    return Synthetic(
        mean=mean + place,
        offset=np.zeros_like(mean),
        shape=random_modes(shapes),
        expression=random_modes(expressions),
        shape_deviations=np.linspace(0.06, 0.02, shapes),
        expression_deviations=np.linspace(0.03, 0.01, expressions),
        faces=_triangles(number, columns),
        pair=twin,
        landmarks=landmarks,
    )


def with_expression_mean(face: Synthetic) -> Synthetic:
    """The same with a mean expression of its own, as BFM 2009 has one."""
    return replace(face, offset=1e-3 * np.cos(40 * face.mean[:, [1, 1, 1]]) * [0, 1, 1])


def _triangles(number, columns):
    """Counter-clockwise from outside, split alike on both sides."""
    quads = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]], axis=-1)
    left = columns[:-1, :-1] >= 0
    quads, left = quads[(quads >= 0).all(-1)], left[(quads >= 0).all(-1)]
    one, other = quads[:, [[0, 1, 2], [0, 2, 3]]], quads[:, [[0, 1, 3], [1, 2, 3]]]
    return np.where(left[:, None, None], one, other).reshape(-1, 3)


def bfm_arrays(face: Synthetic) -> dict[str, np.ndarray]:
    """The keys of BaselFaceModel_mod, millimetres, indices from 1, as MATLAB has them: doubles and columns."""

    def column(values):
        return 1e3 * np.asarray(values, np.float64).reshape(-1, 1)

    K, E = len(face.shape), len(face.expression)
    return {
        "faces": face.faces + 1.0,
        "faces_fill": face.faces + 1.0,
        "shapeMU": column(face.mean),
        "shapePC": face.shape.reshape(K, -1).T,
        "shapeEV": column(face.shape_deviations),
        "texMU": np.zeros((face.mean.size, 1)),
        "expMU": column(face.offset),
        "expPC": face.expression.reshape(E, -1).T,
        "expEV": column(face.expression_deviations),
        "pair": face.pair[:, None] + 1.0,
        "innerLandmarkIndex": face.landmarks[None, 17:] + 1.0,
        "outerLandmarkIndex": face.landmarks[None, :17] + 1.0,
    }


def deep3d_arrays(face: Synthetic) -> dict[str, np.ndarray]:
    """The keys of BFM_model_front, decimetres, indices from 1; the bases hold standard deviations."""
    shape = 10 * face.shape * face.shape_deviations[:, None, None]
    expression = 10 * face.expression * face.expression_deviations[:, None, None]
    return {
        "meanshape": np.float32(10 * face.mean).reshape(1, -1),
        "meantex": np.zeros((1, face.mean.size), np.float32),
        "idBase": shape.reshape(len(shape), -1).T,
        "exBase": expression.reshape(len(expression), -1).T,
        "tri": (face.faces + 1).astype(np.int32),
        "keypoints": (face.landmarks[None] + 1).astype(np.int32),
        "skinmask": np.ones((1, len(face.mean)), np.uint8),
    }


def ict_arrays(face: Synthetic) -> dict[str, np.ndarray]:
    """The keys of ict_facekit.npz, centimetres, indices from 0; triangles have -1 for their fourth corner."""
    return {
        "neutral": np.float32(100 * face.mean),
        "identity": np.float32(100 * face.shape * face.shape_deviations[:, None, None]),
        "expressions": np.float32(100 * face.expression * face.expression_deviations[:, None, None]),
        "faces": np.column_stack([face.faces, np.full(len(face.faces), -1)]).astype(np.int32),
        "expression_names": np.array([f"move_{n}" for n in range(len(face.expression))]),
        "landmarks68": face.landmarks.astype(np.int32),
    }


def write_mat(path, arrays, packed=False):
    """packed: as MATLAB 7 writes its files."""
    savemat(path, arrays, do_compression=packed)
    return path


def write_npz(path, arrays):
    np.savez(path, **arrays)
    return path


def write_h5(path, arrays, transposed=False):
    """transposed: as MATLAB writes its v7.3 files."""
    import h5py

    with h5py.File(path, "w", userblock_size=512 if transposed else 0) as file:
        for key, array in arrays.items():
            file[key] = array.T if transposed else array
    return path


def write_ict_folder(folder, face: Synthetic):
    """generic_neutral_mesh.obj, identity000.obj ..., move_0.obj ...: each a whole mesh in centimetres."""
    arrays = ict_arrays(face)
    folder.mkdir()
    _write_obj(folder / "generic_neutral_mesh.obj", 100 * face.mean, face.faces)
    for kind, offsets in (("identity{:03d}", arrays["identity"]), ("move_{}", arrays["expressions"])):
        for number, offset in enumerate(offsets):
            _write_obj(folder / f"{kind.format(number)}.obj", 100 * face.mean + offset, face.faces)
    return folder


def _write_obj(path, vertices, faces):
    lines = ["# a mesh", *(f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in vertices), "vt 0 0", "g skin"]
    lines += [f"f {a}/1 {b}/1 {c}/1" for a, b, c in faces + 1]
    path.write_text("\n".join(lines) + "\n")
