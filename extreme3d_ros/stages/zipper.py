"""The finished mesh: complete, dense, one connected surface.

The paper zippers a dense mesh of the visible side to the sparse completed one (stages/zipped_mesh.py does). Here both
are one mesh from the start: the foundation's triangles, each in four, which is nearly as dense as the face's pixels; so
there is no seam to close, and the triangles are the same in every frame.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.face_model.topology import Topology
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.records import HIDDEN, VISIBLE, Crop, FaceMesh, Layers, Surface
from extreme3d_ros.stages.soft_symmetry import Detailed


def finish(detailed: Detailed, topology: Topology, crop: Crop) -> FaceMesh:
    """The mesh with colours: the image's where seen, else the twin's, else the mean skin's."""
    skin = detailed.skin[:, None]
    own = bilinear(crop.image, detailed.pixels)
    seen = float(skin.sum())
    mean = (skin[:, 0] @ own / seen if seen > 0 else np.full(3, 160.0)).astype(np.float32)
    twin, twin_skin = own.take(topology.mirror, axis=0), skin.take(topology.mirror, axis=0)
    other = mean + twin_skin * (twin - mean)
    colors = np.rint(other + skin * (own - other)).astype(np.uint8)
    return FaceMesh(detailed.vertices, topology.faces, np.ascontiguousarray(colors[:, ::-1]), detailed.skin > 0)


def visible_surface(crop: Crop, layers: Layers, surface: Surface) -> FaceMesh:
    """The dense mesh D of Sec. 4.1: a vertex for each pixel of the visible side, its depth by Eq. 4."""
    side = (layers.occlusion == VISIBLE) | (layers.occlusion == HIDDEN)
    detailed = surface.raster.depth - layers.bump
    vertices, faces, pixels = depth_mesh(detailed, side, crop.camera)
    x, y = pixels.T
    colors = np.ascontiguousarray(crop.image[y, x][:, ::-1])
    return FaceMesh(vertices, faces, colors, layers.occlusion[y, x] == VISIBLE)
