"""Whether a face model is one: what holds for any model in our units and frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.files import load_face_model
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.geometry.subdivision import edge_keys

_CHIN, _SELLION, _NOSE_TIP, _RIGHT_EYE, _LEFT_EYE = 8, 27, 30, 36, 45
#: MediaPipe's points at the outer eye corners, the person's right one first.
_EYES468 = (33, 263)
#: No coefficient of 1 moves a vertex so far, metres.
_FAR = 1.0


def load_sound(path: Path | str) -> FaceModel:
    """A file's face model; all the road rests on what is checked here. Raises ModelFileError."""
    model = load_face_model(path)
    if wrong := faults(model):
        raise ModelFileError(f"{path} is no usable face model ({'; '.join(wrong)}): import it again")
    return model


def faults(model: FaceModel) -> list[str]:
    """What is wrong with a model whose arrays fit together; an empty list where nothing is."""
    points = model.landmarks68.on(model.faces, model.mean)
    eyes468 = model.landmarks468.on(model.faces, model.mean)[list(_EYES468)]
    eyes = points[[_RIGHT_EYE, _LEFT_EYE]]
    a, b, c = model.mean[model.faces].transpose(1, 0, 2)
    front = a[:, 2] > np.median(model.mean[:, 2])
    modes = np.concatenate([model.shape_modes, model.expression_modes])
    checks = {
        "its name is no short line": 0 < len(model.name) <= 200 and model.name.isprintable(),
        "the outer eye corners are not 6 to 12 cm apart": 0.06 < np.linalg.norm(eyes[0] - eyes[1]) < 0.12,
        "x does not run to the person's left": eyes[0, 0] < 0 < eyes[1, 0],
        "y does not run upwards": points[_SELLION, 1] > points[_CHIN, 1],
        "z does not run out of the face": points[_NOSE_TIP, 2] > points[_SELLION, 2],
        "the origin is not at the sellion": np.linalg.norm(points[_SELLION]) < 0.025,
        "the triangles' outside is inside": np.cross(b - a, c - a)[front, 2].sum() > 0,
        "the 68 and the 468 points do not meet": np.linalg.norm(eyes - eyes468, axis=1).max() < 0.012,
        "a landmark lies beside its triangle": _within(model.landmarks68) and _within(model.landmarks468),
        "a landmark's noise is not positive": (model.landmark_noise > 0).all(),
        "a mode moves the face by metres": np.abs(modes).max(initial=0.0) < _FAR,
        "an edge has more than two triangles": np.unique(edge_keys(model.faces), return_counts=True)[1].max() <= 2,
        "its texture space is not 0 to 1": np.abs(model.uv - 0.5).max() <= 0.5 + 1e-4,
    }
    return [fault for fault, good in checks.items() if not good]


def _within(embedding) -> bool:
    return embedding.barycentric.min() > -1e-4 and np.abs(embedding.barycentric.sum(1) - 1).max() < 1e-3
