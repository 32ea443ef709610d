"""Soft symmetry without a solve, to measure the package's own against.

Vertices that are seen move along their viewing rays onto the detailed depth; those turned away take their twin's
displacement, reflected across the plane of symmetry, where that twin is seen; where neither is, the foundation stays as
it is. A smooth confidence, not a hard cut, decides between the three.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.records import Crop, Foundation, Surface
from extreme3d_ros.stages.soft_symmetry import Detailed, confidence

_REFLECT = np.array([-1.0, 1.0, 1.0], np.float32)


class CrossFade:
    """Applies the bump map to a mesh that follows the foundation, and completes it by its mirror image."""

    def __init__(self, topology: Topology):
        self._topology = topology

    def __call__(
        self, crop: Crop, foundation: Foundation, bump: np.ndarray, occlusion: np.ndarray, surface: Surface
    ) -> Detailed:
        """bump: (512, 512) metres, after hole filling; occlusion: (512, 512) labels."""
        topology = self._topology
        base = topology.from_foundation @ foundation.vertices
        pixels = crop.camera.project(base)
        normals = vertex_normals(base, topology.faces)
        share, skin = confidence(topology, base, normals, pixels, occlusion, surface)
        # Eq. 4 along the viewing ray: z' = z - bump moves the point by -bump times the ray of unit depth.
        height = bilinear(bump[..., None], pixels)
        own = -height * base / base[:, 2:]
        twin = (own[topology.mirror] @ foundation.R * _REFLECT @ foundation.R.T).astype(np.float32)
        twin *= share[topology.mirror, None]
        vertices = base + share[:, None] * own + (1 - share[:, None]) * twin
        return Detailed(vertices.astype(np.float32), share, pixels, skin)
