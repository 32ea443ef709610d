"""The steps from ICT-FaceKit to the face model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.face_model.model import Embedding, FaceModel
from training.face_model import modes as pca
from training.face_model.activations import sample_activations
from training.face_model.embedding import embed68
from training.face_model.ict import Ict
from training.face_model.layout import embed
from training.face_model.modes import Carried
from training.face_model.render import brow_line
from training.face_model.topology import Topology, build_topology

NAME = "ict-face-99-29"
SHAPE_MODES, EXPRESSION_MODES = 99, 29
SAMPLES, SEED = 4000, 1


@dataclass(frozen=True)
class Build:
    """Everything that is made on the way; `model` lacks its 468 landmarks and its regions until they are found."""

    ict: Ict
    topology: Topology
    carried: Carried
    origin: np.ndarray
    align_weights: np.ndarray
    signs: dict[str, np.ndarray]
    model: FaceModel


def build(ict: Ict) -> Build:
    """Topology, modes, layout and the 68 landmarks."""
    topology = build_topology(ict)
    carried = pca.carry(ict, topology)
    weights = alignment_weights(carried.neutral, topology)
    neutral = carried.neutral + topology.bulge.astype(np.float32)
    rng = np.random.default_rng(SEED)
    samples = pca.align(pca.identities(carried, topology, SAMPLES, rng), neutral, weights)
    mean = samples.mean(0)
    mean = 0.5 * (mean + mean[topology.mirror] * pca.FLIP)
    samples -= mean
    shape = pca.principal_modes(samples, topology, SHAPE_MODES)
    del samples
    activations = sample_activations(ict.names, SAMPLES, rng)
    offsets = pca.expression_offsets(carried, topology, activations)
    expression = pca.principal_modes(offsets, topology, EXPRESSION_MODES)
    origin = sellion(mean, ict, topology)
    mean = mean - origin
    count = len(topology.faces) // 2
    mirror_faces = np.concatenate([np.arange(count) + count, np.arange(count)])
    landmarks68, off = embed68(standard_points(ict) - origin, mean, topology.faces, mirror_faces, topology.midline)
    print(f"68 landmarks: at most {off.max() * 1e3:.2f} mm off the surface")
    model = FaceModel(
        name=NAME,
        mean=mean,
        shape_modes=shape.whole(topology.mirror),
        expression_modes=expression.whole(topology.mirror),
        faces=topology.faces,
        mirror=topology.mirror,
        mirror_faces=mirror_faces,
        uv=embed(mean.astype(np.float64), topology.faces, topology.mirror),
        regions=np.zeros(len(mean), np.uint8),
        landmarks68=landmarks68,
        landmarks468=Embedding(np.zeros(468, np.int64), np.tile([1.0, 0.0, 0.0], (468, 1))),
        landmark_noise=np.zeros(468),
    )
    signs = {"shape": shape.sign, "expression": expression.sign}
    return Build(ict, topology, carried, origin, weights, signs, model)


def standard_points(ict: Ict) -> np.ndarray:
    """(68, 3) the standard points on the neutral head; the brows' along the middle of their hair, where people mark
    them."""
    points = ict.neutral[ict.landmarks68].copy()
    left = brow_line(ict)
    points[22:27], points[17:22] = left, left[::-1] * [-1, 1, 1]
    return points


def alignment_weights(neutral, topology: Topology) -> np.ndarray:
    """(V,) surface area around each vertex of the skin, 0 on the membranes."""
    p = neutral[topology.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 6.0
    weights = np.zeros(len(neutral))
    np.add.at(weights, topology.faces, area[:, None])
    weights[topology.eye | topology.mouth] = 0.0
    return weights


def sellion(mean, ict: Ict, topology: Topology) -> np.ndarray:
    """(3,) the deepest point of the nose's root: least z on the midline within 15 mm of the standard landmark 27."""
    middle = mean[: topology.midline]
    near = middle[np.abs(middle[:, 1] - ict.neutral[ict.landmarks68[27], 1]) < 15e-3]
    deepest = near[near[:, 2].argmin()]
    return np.array([0.0, deepest[1], deepest[2]], np.float32)
