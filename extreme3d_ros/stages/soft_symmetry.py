"""Soft symmetry by a Poisson solve (Sec. 4.3, Eqs. 6 to 10): what isn't seen takes the detail of its mirrored half.

All is said of displacements d from the foundation F, whose own Laplace coordinates cancel. The vertices that are seen
move along their rays onto the detailed depth (dense to sparse). For the others Eq. 9 asks: the differences of d to the
neighbours are those of the mirrored twin where that is seen, and none, the foundation's, where neither is; the solve
joins the three without steps. Beyond the paper, the twin's detail counts as far as the halves are alike where both are
seen, and a pose off the face's plane of symmetry is corrected by what they show. The topology may be as dense as the
pixels: then no residual (Eqs. 7 and 10) is left to be mirrored apart from d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.feather import feathered
from extreme3d_ros.geometry.laplacian import Laplacian
from extreme3d_ros.geometry.normals import facing, vertex_normals
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.geometry.smoothing import smoothstep
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, Crop, Foundation, Surface
from extreme3d_ros.stages.occlusion import GRAZING

#: Cosine to the camera from which a vertex's own detail is fully trusted.
_TRUSTED = 0.45
#: A vertex may lie this far behind the depth that its pixel sees and still count as seen, metres.
_BEHIND = 0.003
#: The confidence changes by at most this from a vertex to its neighbour.
_FEATHER = np.float32(1 / 5)
#: Edges over which a difference between what is seen and what is mirrored fades away. Eq. 9 alone would carry it all
#: over the hidden side, which has no other border ("paper" in benchmarks/soft_symmetry.py).
_REACH = np.float32(3)
_REFLECT = np.array([-1.0, 1.0, 1.0], np.float32)

#: Deviations that the pose may have from the face's own plane of symmetry: two angles (radians) and a shift (metres).
_POSE = np.array([0.05, 0.05, 0.002])
#: Deviation between a face's two halves, metres; beyond it they differ by nature and count less (Huber).
_ASYMMETRY = 2e-4
#: So many neighbouring vertices show the same lump, and count once.
_ALIKE = 200.0
_ROUNDS = 4
#: The part of the gaps' squares that a motion explains of any two unlike halves, and that only a wrong pose explains.
_BY_CHANCE, _SURELY = 0.7, 0.9

#: How like its twin's a face's detail usually is, and the vertices whose word against it counts as much; their detail
#: is so high, metres. Half the width of the strip about the plane of symmetry, metres.
_USUAL, _PRIOR_VERTICES, _DETAIL = 0.5, 150.0, 1e-4
_MIDDLE = 0.008


@dataclass(frozen=True)
class Detailed:
    """Vertices (N, 3) after soft symmetry, camera frame, with the share (N,), 0..1, that the image itself gave them.

    pixels: (N, 2) where the foundation's vertices project on the crop; skin: (N,) 0..1, seen and hidden by no object.
    """

    vertices: np.ndarray
    share: np.ndarray
    pixels: np.ndarray
    skin: np.ndarray


class SoftSymmetry:
    """Applies the bump map to a mesh that follows the foundation, and completes it by its mirror image."""

    def __init__(self, topology: Topology):
        self._topology = topology
        self._laplacian = Laplacian(topology.edges, len(topology.mirror))

    def __call__(
        self, crop: Crop, foundation: Foundation, bump: np.ndarray, occlusion: np.ndarray, surface: Surface
    ) -> Detailed:
        """bump: (512, 512) metres, after hole filling; occlusion: (512, 512) labels."""
        mirror = self._topology.mirror
        base = self._topology.from_foundation @ foundation.vertices
        pixels = crop.camera.project(base)
        normals = vertex_normals(base, self._topology.faces)
        share, skin = confidence(self._topology, base, normals, pixels, occlusion, surface)
        # Eq. 4 along the viewing ray: z' = z - bump moves the point by -bump times the ray of unit depth.
        own = -bilinear(bump[..., None], pixels) * base / base[:, 2:]
        R = foundation.R.astype(np.float32)
        own = (own @ R).astype(np.float32)
        twin_share, points = share[mirror], foundation.to_model(base)
        both, outwards = share * twin_share, normals @ R
        # Of the motion between the halves one half is the pose's error, the other its mirror image.
        moved = residual_motion(points, outwards, own - own.take(mirror, axis=0) * _REFLECT, both) / 2
        # What is seen but once tells the rest: in profile the halves have next to nothing in common.
        moved = moved + residual_motion(points, outwards, own - moved, share)
        detail = own - moved
        twin = detail.take(mirror, axis=0) * _REFLECT
        twin *= likeness(points, outwards, detail, twin, both)
        displacement = moved + self._joined(detail, share, twin, twin_share)
        return Detailed(base + displacement @ R.T, share, pixels, skin)

    def _joined(self, own, share, twin, twin_share):
        """The displacements (N, 3): own where fully trusted, the steps of own, twin and foundation elsewhere."""
        anchors = share[:, None] * own + ((1 - share) * twin_share)[:, None] * twin
        with np.errstate(divide="ignore"):
            pull = 1 / (_REACH * _REACH * (1 - share))
        return self._laplacian.solve(self._laplacian.composed(own, share, twin, twin_share), anchors, pull)


def confidence(
    topology: Topology,
    base: np.ndarray,
    normals: np.ndarray,
    pixels: np.ndarray,
    occlusion: np.ndarray,
    surface: Surface,
) -> tuple[np.ndarray, np.ndarray]:
    """How far a vertex's own pixel can be trusted for its position, and for its colour: (N,) each, 0..1.

    base, normals: (N, 3) of the foundation, camera frame; pixels: (N, 2), where it projects on the crop.
    """
    at = _nearest(pixels, occlusion.shape)
    depth, label = surface.raster.depth[at], occlusion[at]
    visible = (base[:, 2] <= depth + _BEHIND) & (label != NOT_FACE) & (label != TURNED_AWAY) & np.isfinite(depth)
    trust = visible * smoothstep(np.clip((facing(base, normals) - GRAZING) / (_TRUSTED - GRAZING), 0, 1))
    share = feathered(trust, topology.edges, _FEATHER)
    hidden = visible & (label == HIDDEN)
    return share, feathered(trust * ~hidden, topology.edges, _FEATHER) if hidden.any() else share


def residual_motion(points: np.ndarray, normals: np.ndarray, gap: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The motion (N, 3) float32 that takes the mirrored half onto the seen one, metres.

    points, normals: (N, 3) of the mesh in the model's frame, x across the plane of symmetry; gap: (N, 3) from a vertex
    of the mirrored mesh (or of the foundation) to the same one of the seen mesh; weights: (N,) 0..1, how far it is seen
    on both. Only a wrong plane makes a face differ from its mirror image rigidly: a motion w x p + t with
    w = (0, wy, wz) and t = (tx, 0, 0); the others map the plane to itself. Gaps along the surface say nothing, so that
    only those along the normal count. Lumps that the halves don't share look a little like a motion too: one that
    doesn't explain most of it isn't believed.
    """
    (x, y, z), (nx, ny, nz) = (np.ascontiguousarray(a.T, np.float32) for a in (points, normals))
    gaps = np.einsum("ni,ni->n", normals, gap).astype(np.float32)
    # What one unit of each motion does along the normal: (3, N).
    slopes = np.stack([z * nx - x * nz, x * ny - y * nx, nx])
    motion = np.zeros(3, np.float32)
    for _ in range(_ROUNDS):
        off = np.abs(gaps - motion @ slopes)
        counted = (weights / (_ALIKE * _ASYMMETRY)) / np.maximum(off, _ASYMMETRY)
        counted = counted.astype(np.float32)
        normal_equations = (slopes * counted) @ slopes.T + np.diag(_POSE**-2)
        motion = np.linalg.solve(normal_equations, slopes @ (counted * gaps)).astype(np.float32)
    left, all_of_it = (np.sum(counted * off**2) for off in (gaps - motion @ slopes, gaps))
    explained = 1 - left / all_of_it if all_of_it > 0 else 0.0
    trust = np.clip((explained - _BY_CHANCE) / (_SURELY - _BY_CHANCE), 0, 1)
    wy, wz, tx = (trust * motion).astype(np.float32)
    return np.stack([wy * z - wz * y + tx, wz * x, -wy * x], axis=1)


def likeness(
    points: np.ndarray, normals: np.ndarray, detail: np.ndarray, twin: np.ndarray, weights: np.ndarray
) -> np.float32:
    """How much of the twin's detail a vertex has on average, 0..1, from what both sides show: the factor by which the
    twin's predicts its own best. Where little is seen twice, that of most faces.

    points, normals: (N, 3) as above; detail, twin: (N, 3) metres; weights: (N,) 0..1. Next to the plane of symmetry
    every smooth detail is like its mirror image, so that this part doesn't count.
    """
    own, other = (np.einsum("ni,ni->n", normals, field) for field in (detail, twin))
    counted = weights * (np.abs(points[:, 0]) > _MIDDLE) * other
    same, size = np.sum(counted * own), np.sum(counted * other)
    prior = _PRIOR_VERTICES * _DETAIL**2
    return np.float32(np.clip((same + _USUAL * prior) / (size + prior), 0, 1))


def _nearest(pixels: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels of an image (H, W) next to positions (N, 2); the border's outside it."""
    rounded = np.nan_to_num(np.rint(pixels)).astype(np.int64)
    return np.clip(rounded[:, 1], 0, shape[0] - 1), np.clip(rounded[:, 0], 0, shape[1] - 1)
