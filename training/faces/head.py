"""Random heads: who, with which expression, seen how; and their geometry on ICT's vertices and on ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.output.atomic import placed_when_whole
from training.face_model.activations import sample_activations
from training.face_model.build import alignment_weights
from training.face_model.ict import ICT_FOLDER, Ict, load_ict
from training.face_model.modes import Carried, carry, expression_offsets
from training.face_model.render import View, head_rotation
from training.face_model.topology import Topology, build_topology

_CACHE = Path(__file__).parents[2] / "build" / "faces_topology.npz"
_ARRAYS = ("bulge", "faces", "mirror", "midline", "eye", "mouth")


@dataclass(frozen=True)
class Shape:
    """expression: (53,) activations 0..1; head: (N, 3) all of ICT's vertices; ours and neutral: (V, 3) our model's,
    with and without the expression. Metres, ICT's frame."""

    expression: np.ndarray
    head: np.ndarray
    ours: np.ndarray
    neutral: np.ndarray


class Heads:
    """ICT-FaceKit and its way to our topology."""

    def __init__(self):
        self.ict = load_ict(ICT_FOLDER)
        self.model = load_face_model()
        self.topology = _topology(self.ict)
        self.carried = carry(self.ict, self.topology)
        self._weights = alignment_weights(self.carried.neutral, self.topology)

    def shape(self, identity: np.ndarray, expression: np.ndarray) -> Shape:
        """The head of the coefficients (100,), in deviations, and activations (53,)."""
        identity, expression = identity.astype(np.float32), expression.astype(np.float32)
        head = self.ict.neutral + np.tensordot(identity, self.ict.identity, 1)
        for k in np.flatnonzero(expression):
            head += expression[k] * self.ict.expressions[k]
        neutral = self.carried.neutral + self.topology.bulge + np.tensordot(identity, self.carried.identity, 1)
        ours = neutral + _offsets(self.carried, self.topology, expression)
        return Shape(expression, head, ours, neutral)

    def pose(self, neutral: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
        """R, t of our model's frame: model faces are aligned rigidly to the mean, so is a neutral face (V, 3)."""
        _, R, t = similarity(self.model.mean, neutral, self._weights, scale=False)
        return view.R @ R, view.R @ t + view.t


def sample_shape(heads: Heads, rng, expressive: float, now=None) -> Shape:
    """A random head; expressive: 0 neutral .. 1 the full range of activations; now: where another moment's expression
    comes from."""
    identity = rng.standard_normal(len(heads.ict.identity))
    rng = now or rng
    activations = expressive * rng.random() ** 0.5 * sample_activations(heads.ict.names, 1, rng)[0]
    return heads.shape(identity, activations)


def sample_view(rng, size: tuple[int, int], yaw: float, pitch: float, roll: float, near) -> View:
    """A perspective camera (height, width) before a head turned by the degrees: near and wide to far and narrow."""
    height, width = size
    focal = np.exp(rng.uniform(np.log(0.9), np.log(2.4))) * max(size)
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    R = head_rotation(yaw, pitch, roll)
    share = rng.uniform(*near)  # of the picture's shorter side, for the 20 cm of a face
    distance = focal * 0.20 / (min(size) * share)
    # The face may stand anywhere that keeps it in the picture.
    room = 0.5 * np.array([width, height]) - 0.62 * share * min(size)
    shift = rng.uniform(-1, 1, 2) * np.maximum(room, 0.0) * 0.8 * distance / focal
    middle = np.array([0.0, 0.0, 0.05])
    return View(R, np.array([shift[0], shift[1], distance]) - R @ middle, Camera(K, width, height))


def _topology(ict: Ict) -> Topology:
    """Our topology over ICT; built in a quarter of a minute, then kept under build/."""
    return _kept() if _CACHE.exists() else _built(ict)


@lru_cache(1)
def _kept() -> Topology:
    with np.load(_CACHE) as data:
        rows = sp.csr_matrix((data["weights"], data["columns"], data["starts"]), tuple(data["shape"]))
        arrays = {name: data[name] for name in _ARRAYS}
        arrays["midline"] = int(arrays["midline"])
        return Topology(transfer=rows, eye_loops=(data["left_eye"], data["right_eye"]), **arrays)


def _built(ict: Ict) -> Topology:
    made = build_topology(ict)
    _CACHE.parent.mkdir(exist_ok=True)
    rows, arrays = made.transfer, {name: getattr(made, name) for name in _ARRAYS}
    arrays |= {"weights": rows.data, "columns": rows.indices, "starts": rows.indptr, "shape": rows.shape}
    with placed_when_whole(_CACHE) as written:
        np.savez(written, left_eye=made.eye_loops[0], right_eye=made.eye_loops[1], **arrays)
    return made


def _offsets(carried: Carried, topology: Topology, expression):
    """(V, 3); only the shapes that are active take part."""
    active = np.flatnonzero(expression)
    if not len(active):
        return np.zeros_like(carried.neutral)
    some = Carried(carried.neutral, carried.identity, carried.expressions[active], carried.closing[active])
    return expression_offsets(some, topology, expression[None, active])[0]
