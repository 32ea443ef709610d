"""Rendered heads of known detail all round, as soft symmetry gets them, and the truth that it should come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.model import BROW, LIP, SKIN, FaceModel
from extreme3d_ros.face_model.topology import dense_topology
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.normals import facing, vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import CROP_SIZE, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Foundation, Frame, Surface
from extreme3d_ros.stages.crop import framing, resample
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.surface import SurfaceRaster
from training.face_model.ict import SKIN_VERTICES
from training.faces.atlas import look_up
from training.faces.generator import FaceGenerator, Rendered, Wish

#: The case that asks for the face to be found in the picture, and those of a face that is exactly known.
FOUND, KNOWN = "network", ("symmetric", "own", "turned")
#: Degrees, about the head's y and z axes, of the foundation in "turned".
_TURN = (2.0, 0.7)
#: Larger differences of depth are those of two surfaces, metres.
_BREAK = 5e-3
#: A vertex may lie this far behind the depth of its pixel and still count as seen, metres.
_BEHIND = 0.003


@dataclass(frozen=True)
class Case:
    """What soft symmetry gets, and the true face: vertices (N, 3) of the dense topology, camera frame."""

    crop: Crop
    foundation: Foundation
    bump: np.ndarray
    occlusion: np.ndarray
    surface: Surface
    truth: np.ndarray

    @property
    def given(self):
        """The arguments of a way."""
        return self.crop, self.foundation, self.bump, self.occlusion, self.surface


class Cases:
    """Makes the cases of a seed and yaw."""

    def __init__(self):
        self.generator = FaceGenerator()
        heads = self.generator.heads
        self.model: FaceModel = heads.model
        self._fast, self._raster = FastPath(self.model), SurfaceRaster(self.model)
        self.dense = dense_topology(self.model)
        S = self.dense.from_foundation
        self._uv = (S @ (heads.topology.transfer[:, :SKIN_VERTICES] @ heads.ict.uv)).astype(np.float32)
        #: (N,) bool: vertices of the dense mesh that have the generator's details.
        self.skin = S @ np.isin(self.model.regions, (SKIN, BROW, LIP)).astype(np.float32) > 0.99
        self._x = (S @ self.model.mean)[:, 0]

    def __call__(self, seed: int, yaw: float) -> dict[str, Case]:
        """{name: case} of one person; FOUND is missing where the face isn't. yaw: degrees."""
        made = self.rendered(seed, yaw)
        return self._found(made, seed) | {name: self.known(made, seed, name) for name in KNOWN}

    def rendered(self, seed: int, yaw: float) -> Rendered:
        """The picture; of odd seeds turned one way, of even ones the other."""
        sign = 1 if seed % 2 else -1
        wish = Wish(size=(480, 480), share=0.0, yaw=sign * yaw, most_pitch=15.0, near=(0.6, 0.8))
        return self.generator(seed, wish)

    def known(self, made: Rendered, seed: int, name: str, size: int = CROP_SIZE) -> Case:
        """A face that is the picture's true one, posed as it is, with known details: "symmetric", "own" or "turned".

        size: of the crop, pixels.
        """
        foundation = Foundation(made.vertices, made.R, made.t)
        crop = self._crop(made, size)
        details = self._details(made, seed)
        if name != "own":
            details = self._like(details, crop, foundation)
        truth = self._with(made.vertices, details)
        return self._exact(crop, _turned(foundation) if name == "turned" else foundation, truth)

    def hidden(self, case: Case) -> np.ndarray:
        """(N,) bool: the dense mesh's skin that the camera doesn't see, or at a grazing angle only."""
        return self.skin & ~self._visible(case.crop, case.foundation, case.surface)

    def _found(self, made, seed):
        found = self._fast(Frame(made.image, made.camera))
        if not found:
            return {}
        o = found[0]
        scale, R, t = similarity(made.vertices, o.foundation.vertices)
        truth = self._with(scale * made.vertices @ R.T + t, scale * self._details(made, seed))
        return {FOUND: Case(o.crop, o.foundation, o.layers.bump, o.layers.occlusion, o.surface, truth)}

    def _crop(self, made, size):
        """The crop that the true landmarks frame."""
        points = self.model.landmarks68.on(self.model.faces, made.vertices)
        to_image = framing(made.camera.project(points))
        # Pixels of any size cover the same: centres lie half a pixel inside.
        step = CROP_SIZE / size
        to_image = to_image @ np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
        return Crop(resample(made.image, to_image, size), made.camera.crop(to_image, size, size), to_image)

    def _details(self, made: Rendered, seed: int) -> np.ndarray:
        """Heights (N,) of the generator's details at the dense mesh's vertices, metres along the normals."""
        detail = self.generator._detail(made.expression, np.random.default_rng([seed, 5]))
        return look_up(detail.height, self._uv)[:, 0] * self.skin

    def _like(self, details, crop, foundation):
        """The details of the side that the camera sees more of, on both."""
        seen = self._visible(crop, foundation, self._raster(foundation, crop))
        other = self._x * np.sum(seen * self._x) < 0
        return np.where(other, details[self.dense.mirror], details)

    def _with(self, vertices, details):
        base = (self.dense.from_foundation @ vertices).astype(np.float32)
        return base + details[:, None] * vertex_normals(base, self.dense.faces)

    def _exact(self, crop, foundation, truth):
        """The bump is the difference of the two depths, the labels are those of the foundation's angles."""
        surface = self._raster(foundation, crop)
        depth, true = surface.raster.depth, rasterize(truth, self.dense.faces, crop.camera).depth
        both = np.isfinite(depth) & np.isfinite(true)
        bump = np.where(both, depth, 0) - np.where(both, true, 0)
        bump = _spread(bump, both & (np.abs(bump) < _BREAK), surface.raster.covered)
        labels = np.where(surface.facing > GRAZING, VISIBLE, TURNED_AWAY)
        labels = np.where(surface.raster.covered, labels, NOT_FACE).astype(np.uint8)
        return Case(crop, foundation, bump, labels, surface, truth)

    def _visible(self, crop, foundation, surface):
        base = self.dense.from_foundation @ foundation.vertices
        depth = np.where(surface.raster.covered, surface.raster.depth, 0)
        seen = bilinear(depth[..., None], crop.camera.project(base))[:, 0]
        return (facing(base, vertex_normals(base, self.dense.faces)) > GRAZING) & (base[:, 2] < seen + _BEHIND)


def _spread(bump, known, covered):
    """A bump map (H, W) float32 metres that has the nearest known value where it isn't known, and 0 off the face.

    Where two surfaces' outlines differ there is no bump; a step there would be no detail of either.
    """
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.where(covered, bump[tuple(nearest)], 0).astype(np.float32)


def _turned(foundation: Foundation) -> Foundation:
    R = foundation.R @ Rotation.from_euler("yz", _TURN, degrees=True).as_matrix()
    vertices = foundation.to_model(foundation.vertices) @ R.T + foundation.t
    return Foundation(vertices.astype(np.float32), R, foundation.t)
