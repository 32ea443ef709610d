"""The zippered mesh (Sec. 4.3): a vertex a pixel where the image sees the face, the completed mesh elsewhere.

The completed mesh has taken on the bump map at its vertices. A pixel's point lies on it (Eqs. 6 and 7: the raster is
the registration), moved by what the bump map holds beyond that (Eq. 8). Towards the side that isn't seen, and towards
the folds of lids, lips and nostrils, which pixels don't resolve, this residual fades to 0: there the surfaces meet.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.feather import feathered
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.geometry.zippering import Zipper
from extreme3d_ros.records import HIDDEN, VISIBLE, Crop, FaceMesh
from extreme3d_ros.stages.soft_symmetry import Detailed

#: Where a triangle leans so far (cosine) from the normal of one of its corners, the mesh is folded.
_FOLDED = np.cos(np.radians(12.0))
#: Edges from a fold to the first vertex with a residual, and to the first with the whole of it.
_CLEAR, _WHOLE = 3, 8
#: The share of the residual from which on a pixel has a vertex of its own: below, pixels graze the surface.
_LEAST_SHARE = 0.1


class ZippedMesh:
    """Exchanges what the image sees of finished meshes for the pixels' own mesh."""

    def __init__(self, model: FaceModel, topology: Topology):
        """topology: of the finished meshes. Raises ModelFileError where the model's uv isn't injective."""
        self._faces = topology.faces
        self._uv = topology.from_foundation @ model.uv
        try:
            self._zipper = Zipper(self._uv, topology.faces)
        except ValueError as error:
            raise ModelFileError(f"no zippered mesh of the face model {model.name}, by its uv: {error}") from error
        self._clear = _clear_of_folds(topology.from_foundation @ model.mean, topology)

    def __call__(
        self, crop: Crop, bump: np.ndarray, occlusion: np.ndarray, detailed: Detailed, finished: FaceMesh
    ) -> FaceMesh:
        """One connected mesh; `seen` where the image shows skin.

        bump: (512, 512) metres, after hole filling; occlusion: (512, 512) labels; detailed, finished: of this topology.
        """
        raster = rasterize(finished.vertices, self._faces, crop.camera)
        share = np.minimum(detailed.share, self._clear)
        carried = bilinear(bump[..., None], detailed.pixels)
        at = raster.interpolate(
            self._faces, np.column_stack([self._uv, share, carried, detailed.skin, finished.colors])
        )
        depth = raster.depth + at[..., 2] * (at[..., 3] - bump)
        side = (occlusion == VISIBLE) | (occlusion == HIDDEN)
        dense, faces, pixels = depth_mesh(depth, side & (at[..., 2] > _LEAST_SHARE), crop.camera)
        x, y = pixels.T
        at, seen = at[y, x], occlusion[y, x] == VISIBLE
        zipped = self._zipper(finished.vertices, dense, faces, pixels, at[:, :2])

        vertices = zipped.carried(finished.vertices, dense)
        seam = np.flatnonzero(zipped.seam)
        on_seam = zipped.source[seam] - len(finished.vertices)
        # Along the ray, back onto the mesh.
        vertices[seam] *= (raster.depth[y, x] / depth[y, x])[on_seam, None]
        skin = at[:, 4:5] * seen[:, None]
        colors = skin * crop.image[y, x][:, ::-1] + (1 - skin) * at[:, 5:]
        return FaceMesh(
            vertices,
            zipped.faces,
            zipped.carried(finished.colors, np.clip(np.rint(colors), 0, 255).astype(np.uint8)),
            zipped.carried(finished.seen, seen),
        )


def _clear_of_folds(vertices: np.ndarray, topology: Topology) -> np.ndarray:
    """(N,) float32: 0 at folds of a mesh (N, 3) and near them, 1 from some edges off."""
    normals = vertex_normals(vertices, topology.faces)
    a, b, c = (vertices[corner] for corner in topology.faces.T)
    across = np.cross(b - a, c - a)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    leans = np.einsum("ti,tki->tk", across, normals[topology.faces]) < _FOLDED
    edges_off = np.full(len(vertices), _WHOLE, np.float32)
    edges_off[topology.faces[leans]] = 0
    edges_off = feathered(edges_off, topology.edges, 1)
    return np.clip((edges_off - _CLEAR) / (_WHOLE - _CLEAR), 0, 1)
