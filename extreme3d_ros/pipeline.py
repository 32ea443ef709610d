"""The road, in order: `FastPath` makes observations of every frame, `Completion` the finished mesh of the newest."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from extreme3d_ros.engines import EngineMaker, OnnxEngine
from extreme3d_ros.face_model.fitting import NoPose
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.topology import dense_topology, sparse_topology
from extreme3d_ros.records import Completed, Crop, Face, FaceMesh, Foundation, Frame, Layers, Observation
from extreme3d_ros.references.default import feature_of
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.person import Person
from extreme3d_ros.references.viewpoint import direction_of
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.foundation import FoundationFit, Refine
from extreme3d_ros.stages.hole_filling import HoleFilling
from extreme3d_ros.stages.layers import NetworkLayers, PublishedLayers, ShadingLayers
from extreme3d_ros.stages.shape_network import ShapeNetwork
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry
from extreme3d_ros.stages.surface import SurfaceRaster
from extreme3d_ros.stages.zipped_mesh import ZippedMesh
from extreme3d_ros.stages.zipper import finish, visible_surface
from extreme3d_ros.timing import timed

LayersMaker = NetworkLayers | PublishedLayers | ShadingLayers


class FastPath:
    """detection - crop - foundation - raster - bump and occlusion, for every frame."""

    def __init__(
        self,
        model: FaceModel,
        shape_network: ShapeNetwork | None = None,
        layers: LayersMaker | None = None,
        engines: EngineMaker = OnnxEngine,
    ):
        """shape_network: a published one that gives the identity; None: the package's own road. layers: what makes
        bump and masks; None: the package's own way. engines: what makes the engines of the package's networks."""
        self.model, self.detection = model, Detection()
        self._crop = FaceCrop(model)
        self._foundation = FoundationFit(model, shape_network, engines=engines)
        self._raster = SurfaceRaster(model)
        self._layers = layers or NetworkLayers(model, engines=engines)

    def __call__(self, frame: Frame, max_faces: int | None = 1, refine: Refine | None = None) -> list[Observation]:
        """The faces of a frame, largest first (None: all of them); an empty list where there is none.

        refine: of who knows the person whose face the largest one is, from other frames.
        """
        timings: dict[str, float] = {}
        with timed(timings, "detection"):
            faces = self.detection(frame.image)[:max_faces]
        refines = [refine] + [None] * len(faces)
        observations = [self.observe(frame, face, dict(timings), who) for face, who in zip(faces, refines)]
        return [observation for observation in observations if observation is not None]

    def observe(
        self, frame: Frame, face: Face, timings: dict[str, float], refine: Refine | None = None
    ) -> Observation | None:
        """All but detection, of one face; None where its points are those of no face. timings: is added to."""
        with timed(timings, "crop"):
            crop = self._crop(frame, face)
        with timed(timings, "foundation"):
            try:
                foundation, coefficients, confidence = self._foundation(frame, face, crop, refine)
            except NoPose:
                return None
        with timed(timings, "raster"):
            surface = self._raster(foundation, crop)
        layers = self._layers(crop, surface, timings)
        return Observation(face, crop, foundation, coefficients, surface, layers, confidence, timings)

    def hear(self, frame: Frame, refine: Refine) -> None:
        """Has the largest face heard, and makes nothing of it. A frame without one tells nothing."""
        for face in self.detection(frame.image)[:1]:
            with suppress(NoPose):
                self._foundation(frame, face, self._crop(frame, face), refine)


class Completion:
    """hole filling - soft symmetry - zipper, for the newest observation."""

    def __init__(self, model: FaceModel, gallery: Gallery | None = None, zipped: bool = False):
        """gallery: references to borrow detail from; None: none. zipped: a vertex a pixel where the face is seen,
        instead of the same triangles in every frame.

        Raises ModelFileError where the gallery is of another face model, or of a network that is not in its folder, or
        where the face model's uv folds over and a zippered mesh is asked for.
        """
        self._raster = SurfaceRaster(model)
        self._filling = HoleFilling(model, gallery, feature_of(gallery, model))
        self._topology = dense_topology(model)
        self._symmetry = SoftSymmetry(self._topology)
        self._zipper = ZippedMesh(model, self._topology) if zipped else None

    def __call__(self, crop: Crop, foundation: Foundation, layers: Layers, person: Person | None = None) -> Completed:
        """The finished mesh of one observation.

        person: what was seen of whoever was there in the frame before; it lends, then takes what this frame shows.
        """
        timings: dict[str, float] = {}
        if person is not None:
            person.follow(foundation.t)
        with timed(timings, "hole_filling"):
            # The foundation's raster isn't sent between the nodes: making it anew takes less than sending it would.
            surface = self._raster(foundation, crop)
            filling = self._filling(crop, foundation, layers, surface, person)
        if person is not None:
            with timed(timings, "remembering"):
                person.add(self._filling.own_skin(crop, foundation, layers, surface), direction_of(foundation))
        with timed(timings, "soft_symmetry"):
            detailed = self._symmetry(crop, foundation, filling.bump, layers.occlusion, surface)
        with timed(timings, "zipper"):
            mesh = steady = finish(detailed, self._topology, crop)
            if self._zipper is not None:
                mesh = self._zipper(crop, filling.bump, layers.occlusion, detailed, steady)
        return Completed(filling.bump, filling.sources, mesh, steady, timings)


class Intermediates:
    """The paper's meshes on the way to the finished one, for those who want them as files."""

    def __init__(self, model: FaceModel):
        self._topology = sparse_topology(model)
        self._symmetry = SoftSymmetry(self._topology)

    def foundation(self, seen: Observation) -> FaceMesh:
        """F = s + e with the image's colours."""
        return self.sparse(seen, np.zeros_like(seen.layers.bump))

    def with_bump(self, seen: Observation) -> FaceMesh:
        """The dense mesh D of the visible side, a vertex a pixel (Eq. 4), before completion."""
        return visible_surface(seen.crop, seen.layers, seen.surface)

    def sparse(self, seen: Observation, bump: np.ndarray) -> FaceMesh:
        """R: the foundation's vertices after soft symmetry. bump: (512, 512) metres, after hole filling."""
        detailed = self._symmetry(seen.crop, seen.foundation, bump, seen.layers.occlusion, seen.surface)
        return finish(detailed, self._topology, seen.crop)
