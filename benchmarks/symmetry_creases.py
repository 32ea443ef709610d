"""How sharply a mesh is bent where what is seen passes into what isn't."""

from __future__ import annotations

import numpy as np

from benchmarks.cross_fade import CrossFade
from benchmarks.symmetry_cases import Case
from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.subdivision import half_edges
from extreme3d_ros.records import NOT_FACE


class Creases:
    """Angles between neighbouring triangles of a topology.

    edges: (E, 2) between two triangles, both of skin alone; sides: (E, 2) those triangles.
    """

    def __init__(self, topology: Topology, skin: np.ndarray):
        """skin: (N,) bool, the vertices whose shape is known."""
        self._topology, self._confidence = topology, CrossFade(topology)
        self.edges, self.sides = _inner_edges(topology.faces)
        smooth = skin[topology.faces[self.sides]].all((1, 2))
        self.edges, self.sides = self.edges[smooth], self.sides[smooth]

    def across(self, case: Case) -> np.ndarray:
        """(E,) bool: edges with an end whose share, 0..1, is between the two, and those between two labels."""
        detailed = self._confidence(*case.given)
        between = (detailed.share > 0) & (detailed.share < 1)
        height, width = case.occlusion.shape
        x, y = np.rint(detailed.pixels).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        labels = np.where(inside, case.occlusion[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], NOT_FACE)
        base = self._topology.from_foundation @ case.foundation.vertices
        depth = case.surface.raster.depth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        front = (labels != NOT_FACE) & (base[:, 2] <= depth + 0.003)
        a, b = self.edges.T
        return between[a] | between[b] | (front[a] & front[b] & (labels[a] != labels[b]))

    def degrees(self, vertices: np.ndarray, across: np.ndarray) -> tuple[float, float]:
        """The 99th percentile and the mean of the angles at some of the edges (E,). vertices: (N, 3)."""
        a, b, c = (vertices[corner].astype(np.float64) for corner in self._topology.faces.T)
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
        first, second = normals[self.sides[across]].transpose(1, 0, 2)
        # By sine and cosine: the cosine alone can't tell angles near 0 apart.
        angles = np.arctan2(np.linalg.norm(np.cross(first, second), axis=1), np.sum(first * second, axis=1))
        return float(np.degrees(np.quantile(angles, 0.99))), float(np.degrees(angles.mean()))


def _inner_edges(faces):
    """Edges (E, 2) of two triangles, and those triangles (E, 2)."""
    half = np.sort(half_edges(faces), axis=1)
    owner = np.tile(np.arange(len(faces)), 3)
    order = np.lexsort((half[:, 1], half[:, 0]))
    half, owner = half[order], owner[order]
    first = np.flatnonzero((half[:-1] == half[1:]).all(1))
    return half[first], np.stack([owner[first], owner[first + 1]], axis=1)
