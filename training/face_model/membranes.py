"""Membranes that close the openings of eyes and mouth, so that the face is a disc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from training.face_model import planar
from training.face_model.ict import EYEBALLS, Ict


@dataclass(frozen=True)
class Membrane:
    """A membrane over a loop of B vertices with I inner vertices.

    triangles: over B + I vertices, the loop's first; inner: I; weights: (I, B) harmonic, over the loop; twin_weights:
    (I, B) over the loop's mirror image, where only half of the loop is given (else 0); on_axis: (I,) bool, on x = 0.
    """

    triangles: np.ndarray
    inner: int
    weights: np.ndarray
    twin_weights: np.ndarray
    on_axis: np.ndarray


def span(loop, spacing: float, rng, *, open_ends: bool = False) -> Membrane:
    """Mesh the inside of a loop (B, 2) in frontal projection (x, y), and hang it on the loop harmonically.

    The loop runs counter-clockwise. open_ends: it is only the left half (x >= 0) of a symmetric one, from its lower end
    on x = 0 to its upper end on x = 0.
    """
    axis = np.empty((0, 2))
    if open_ends:
        steps = max(int(round(np.linalg.norm(loop[-1] - loop[0]) / spacing)), 2)
        axis = np.column_stack([np.zeros(steps - 1), np.linspace(loop[-1, 1], loop[0, 1], steps + 1)[1:-1]])
    fixed = np.concatenate([loop, axis])
    low, high = fixed.min(0), fixed.max(0)
    samples = rng.uniform(low, high, (60_000, 2))
    inside = planar.inside_polygon(samples, fixed)
    area = inside.mean() * np.prod(high - low)
    count = max(int(area / (np.sqrt(3.0) / 2.0 * spacing**2) - 0.5 * len(fixed)), 1)
    free = planar.relax(fixed, samples[inside], np.ones(inside.sum()), count, rng)
    points = np.concatenate([fixed, free])
    triangles = planar.triangulate(points, np.arange(len(fixed)))
    triangles = planar.flip_edges(triangles, np.column_stack([points, np.zeros(len(points))]), points)
    on_axis = np.arange(len(points) - len(loop)) < len(axis)
    return Membrane(triangles, len(points) - len(loop), *_harmonic(points, triangles, len(loop), on_axis), on_axis)


def _harmonic(points, triangles, border, on_axis):
    """Harmonic weights (I, B) of the inner points over the border, and over its mirror image across x = 0.

    The whole symmetric membrane splits into an even and an odd part: the even one is solved on the half with a free
    axis, the odd one with the axis held at 0.
    """
    laplacian = _cotangents(points, triangles)
    inner = np.arange(border, len(points))
    even = _solve(laplacian, inner, border)
    if not on_axis.any():
        return even, np.zeros_like(even)
    odd = np.zeros_like(even)
    odd[~on_axis] = _solve(laplacian, inner[~on_axis], border)
    return 0.5 * (even + odd), 0.5 * (even - odd)


def _solve(laplacian, inner, border):
    return splu(laplacian[inner][:, inner].tocsc()).solve(-laplacian[inner][:, :border].toarray())


def _cotangents(points, triangles):
    """The cotangent Laplacian (P, P) of a planar Delaunay mesh, positive semi-definite."""
    angles = planar.corner_angles(np.column_stack([points, np.zeros(len(points))]), triangles)
    matrix = sp.csr_matrix((len(points), len(points)))
    for corner in range(3):
        i, j = triangles[:, (corner + 1) % 3], triangles[:, (corner + 2) % 3]
        w = 0.5 / np.tan(angles[:, corner])
        matrix = matrix + sp.csr_matrix((np.concatenate([w, w]), (np.r_[i, j], np.r_[j, i])), matrix.shape)
    return (sp.diags(np.asarray(matrix.sum(1)).ravel()) - matrix).tocsr()


def eyeball_depth(frontal, ict: Ict):
    """z (P,) of the neutral left eyeball's front at frontal positions (P, 2) with x > 0."""
    triangles = ict.part(*EYEBALLS)
    p = ict.neutral[triangles]
    p = p[p[..., 0].min(1) > 0]
    depth = np.full(len(frontal), -np.inf)
    a, b, c = p[:, 0], p[:, 1], p[:, 2]
    det = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    for n, (x, y) in enumerate(frontal):
        dx, dy = x - a[:, 0], y - a[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            v = (dx * (c - a)[:, 1] - dy * (c - a)[:, 0]) / det
            w = ((b - a)[:, 0] * dy - (b - a)[:, 1] * dx) / det
        hit = (v >= 0) & (w >= 0) & (v + w <= 1)
        depth[n] = ((1 - v - w) * a[:, 2] + v * b[:, 2] + w * c[:, 2])[hit].max(initial=-np.inf)
    if not np.isfinite(depth).all():
        raise ValueError("an eye membrane reaches beyond the eyeball's front")
    return depth
