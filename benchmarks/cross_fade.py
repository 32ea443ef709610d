"""Soft symmetry without a solve, to measure the package's own against.

Vertices that are seen move along their viewing rays onto the detailed depth; those turned away take their twin's
displacement, reflected across the plane of symmetry, where that twin is seen; where neither is, the foundation stays as
it is. A smooth confidence, not a hard cut, decides between the three.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.feather import feathered
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, Crop, Foundation, Surface
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.soft_symmetry import Detailed

#: Cosine to the camera from which a vertex's own detail is fully trusted.
_TRUSTED = 0.45
#: A vertex may lie this far behind the depth that its pixel sees and still count as seen, metres.
_BEHIND = 0.003
#: The confidence changes by at most this from a vertex to its neighbour.
_FEATHER = 1 / 5
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
        share, skin = self._confidence(base, pixels, occlusion, surface)
        # Eq. 4 along the viewing ray: z' = z - bump moves the point by -bump times the ray of unit depth.
        height = bilinear(bump[..., None], pixels)
        own = -height * base / base[:, 2:]
        twin = (own[topology.mirror] @ foundation.R * _REFLECT @ foundation.R.T).astype(np.float32)
        twin *= share[topology.mirror, None]
        vertices = base + share[:, None] * own + (1 - share[:, None]) * twin
        return Detailed(vertices.astype(np.float32), share, pixels, skin)

    def _confidence(self, base, pixels, occlusion, surface):
        """How far a vertex's own pixel can be trusted for its position, and for its colour: (N,) each, 0..1."""
        normals = vertex_normals(base, self._topology.faces)
        facing = -np.sum(normals * base, axis=1) / np.linalg.norm(base, axis=1)
        depth, label = _nearest(surface.raster.depth, pixels), _nearest(occlusion, pixels)
        visible = (base[:, 2] <= depth + _BEHIND) & (label != NOT_FACE) & (label != TURNED_AWAY) & np.isfinite(depth)
        angle = np.clip((facing - GRAZING) / (_TRUSTED - GRAZING), 0, 1)
        trust = visible * angle * angle * (3 - 2 * angle)
        edges = self._topology.edges
        return feathered(trust, edges, _FEATHER), feathered(trust * (label != HIDDEN), edges, _FEATHER)


def _nearest(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Image (H, W) at the pixels (N, 2) next to the given positions; the border continues outside."""
    rounded = np.nan_to_num(np.rint(pixels)).astype(np.int64)
    x = np.clip(rounded[:, 0], 0, image.shape[1] - 1)
    y = np.clip(rounded[:, 1], 0, image.shape[0] - 1)
    return image[y, x]
