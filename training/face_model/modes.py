"""Samples of ICT's faces on our topology, and the modes learned from them (Eqs. 1 and 2 of the paper).

Every sample counts together with its mirror twin. The second-moment matrix then splits into an even part (both sides
alike) and an odd part (both sides opposite), so that each mode is exactly symmetric or antisymmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from training.face_model.ict import Ict
from training.face_model.topology import Topology

FLIP = np.array([-1.0, 1.0, 1.0], np.float32)


@dataclass(frozen=True)
class Carried:
    """ICT's shapes on our V vertices, float32 metres.

    neutral: (V, 3), exactly symmetric; identity: (100, V, 3); expressions: (53, V, 3); closing: (53, 2) by how much
    each expression closes the left and the right eye (1: shut).
    """

    neutral: np.ndarray
    identity: np.ndarray
    expressions: np.ndarray
    closing: np.ndarray


def carry(ict: Ict, topology: Topology) -> Carried:
    """ICT's neutral, identities and expressions on our topology, without the bulge of the eyes."""
    neutral = topology.carry(ict.neutral)
    neutral = 0.5 * (neutral + neutral[topology.mirror] * FLIP)
    expressions = np.stack([topology.carry(offsets) for offsets in ict.expressions])
    areas = [_frontal_area(neutral[loop]) for loop in topology.eye_loops]
    closing = [
        [1.0 - _frontal_area((neutral + e)[loop]) / area for loop, area in zip(topology.eye_loops, areas)]
        for e in expressions
    ]
    return Carried(
        neutral.astype(np.float32),
        np.stack([topology.carry(offsets) for offsets in ict.identity]).astype(np.float32),
        expressions.astype(np.float32),
        np.array(closing, np.float32),
    )


def _frontal_area(loop):
    """Area of a loop (P, 3) seen from the front."""
    x, y = loop[:, 0], loop[:, 1]
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2.0


def identities(carried: Carried, topology: Topology, count: int, rng) -> np.ndarray:
    """Neutral faces (count, V, 3): ICT's identity coefficients are standard normal."""
    coefficients = rng.standard_normal((count, len(carried.identity))).astype(np.float32)
    base = carried.neutral + topology.bulge.astype(np.float32)
    return (coefficients @ carried.identity.reshape(len(carried.identity), -1)).reshape(count, -1, 3) + base


def expression_offsets(carried: Carried, topology: Topology, activations: np.ndarray) -> np.ndarray:
    """Offsets (count, V, 3) of activations (count, 53).

    An eye's membrane lies on the eyeball as far as the eye is open; a closed lid carries it along instead.
    """
    flat = activations.astype(np.float32) @ carried.expressions.reshape(len(carried.expressions), -1)
    offsets = flat.reshape(len(activations), -1, 3)
    shut = np.clip(activations @ carried.closing, 0.0, 1.0).astype(np.float32)
    for side, sign in enumerate((1.0, -1.0)):
        inner = topology.eye & (sign * carried.neutral[:, 0] > 0)
        offsets[:, inner] -= shut[:, side, None, None] * topology.bulge[inner].astype(np.float32)
    return offsets


def align(samples: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Samples (S, V, 3) moved rigidly (no scale) onto the target (V, 3), least squares with weights (V,)."""
    w = (weights / weights.sum()).astype(np.float32)
    centre, goal = np.einsum("v,svc->sc", w, samples), w @ target
    covariance = np.einsum("svi,v,vj->sij", samples - centre[:, None], w, target - goal, optimize=True)
    U, _, Vt = np.linalg.svd(covariance)
    U[..., -1] *= np.sign(np.linalg.det(U) * np.linalg.det(Vt))[:, None]
    return (samples - centre[:, None]) @ (U @ Vt) + goal.astype(np.float32)


@dataclass(frozen=True)
class Modes:
    """K modes of the half mesh of H = M + L vertices: half (K, H, 3) metres per deviation; sign (K,) +1 or -1."""

    half: np.ndarray
    sign: np.ndarray

    def whole(self, mirror: np.ndarray) -> np.ndarray:
        """(K, V, 3) on all vertices."""
        twins = self.half[:, mirror[self.half.shape[1] :]] * FLIP * self.sign[:, None, None]
        return np.concatenate([self.half, twins], axis=1).astype(np.float32)


def principal_modes(offsets: np.ndarray, topology: Topology, count: int) -> Modes:
    """The `count` strongest modes of offsets (S, V, 3) and their mirror twins: uncentred, by falling variance."""
    half = len(topology.mirror) - (len(topology.mirror) - topology.midline) // 2
    left, right = offsets[:, :half], offsets[:, topology.mirror[:half]] * FLIP
    found = [_subspace(0.5 * (left + sign * right), topology.midline, count, sign > 0) + (sign,) for sign in (1, -1)]
    modes = np.concatenate([m for m, _, _ in found])
    deviations = np.concatenate([d for _, d, _ in found])
    signs = np.repeat([1, -1], [len(m) for m, _, _ in found])
    strongest = np.argsort(-deviations, kind="stable")[:count]
    return Modes(modes[strongest], signs[strongest])


def _subspace(part, midline, count, one_sided):
    """Modes (count, H, 3) scaled to one deviation, and the deviations (norms over the whole mesh)."""
    weight = np.where(np.arange(part.shape[1]) < midline, 1.0, np.sqrt(2.0)).astype(np.float32)
    matrix = (part * weight[:, None]).reshape(len(part), -1)
    gram = (matrix @ matrix.T).astype(np.float64) / len(part)
    values, vectors = eigh(gram, subset_by_index=[len(part) - count, len(part) - 1])
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    # The mode of norm sqrt(value): samples^T v / sqrt(S).
    modes = np.einsum("sk,shc->khc", vectors.astype(np.float32), part, optimize=True) / np.sqrt(len(part))
    # A mode's sign is free: positive is where the samples lie on average (an open jaw, not a shut one), else where the
    # largest entry is positive, so that a rebuilt file agrees with the last.
    lean = vectors.mean(0) * np.sqrt(len(part))
    flat = modes.reshape(count, -1)
    largest = np.sign(flat[np.arange(count), np.abs(flat).argmax(1)])
    modes *= np.where(one_sided & (np.abs(lean) > 0.1), np.sign(lean), largest)[:, None, None]
    return modes, np.sqrt(values)
