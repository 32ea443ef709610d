"""The records that travel the road: image -> face -> crop -> foundation -> layers -> mesh.

All lengths are metres; 3D points are in the camera's optical frame (x right, y down, z forward) unless a name says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import Raster

#: Side of the square face crop, in pixels: the size of the bump map (Table 2 of the paper).
CROP_SIZE = 512

#: Occlusion labels of a crop's pixel (CONTRACT.md).
NOT_FACE, VISIBLE, HIDDEN, TURNED_AWAY = 0, 1, 2, 3


@dataclass(frozen=True)
class Frame:
    """One camera image. image: (H, W, 3) uint8, BGR, undistorted; camera: its intrinsics."""

    image: np.ndarray
    camera: Camera


@dataclass(frozen=True)
class Face:
    """A detected face. points: (468, 2) MediaPipe's mesh points, in image pixels; score: the detector's, 0..1."""

    points: np.ndarray
    score: float

    @cached_property
    def bbox(self) -> tuple[float, float, float, float]:
        """x, y, w, h of the box about the points."""
        (x, y), (w, h) = self.points.min(0).tolist(), np.ptp(self.points, axis=0).tolist()
        return x, y, w, h


@dataclass(frozen=True)
class Tracked:
    """A face of a frame and whose it is. id: five lower-case letters (REP-155), the same in every frame."""

    id: str
    face: Face


@dataclass(frozen=True)
class Crop:
    """The square face crop as a virtual camera. image: (512, 512, 3) uint8, BGR; crop_to_image: (3, 3), homogeneous."""

    image: np.ndarray
    camera: Camera
    crop_to_image: np.ndarray


@dataclass(frozen=True)
class Foundation:
    """F = s + e (Eqs. 1 and 2) posed in the camera's frame.

    vertices: (V, 3) float32; R (3, 3), t (3,): the pose, p_camera = R p_model + t.
    """

    vertices: np.ndarray
    R: np.ndarray
    t: np.ndarray

    def to_model(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) from the camera's frame to the model's frame (frontal)."""
        return ((points - self.t) @ self.R).astype(np.float32)


@dataclass(frozen=True)
class Coefficients:
    """shape: (99,) alpha of Eq. 1; expression: (29,) eta of Eq. 2; both in standard deviations."""

    shape: np.ndarray
    expression: np.ndarray


@dataclass(frozen=True)
class Surface:
    """The foundation as the crop's pixels see it.

    raster: depth, triangle, barycentric coordinates; normals: (H, W, 3) unit, camera frame; facing: (H, W) cosine
    between the normal and the direction to the camera (negative: a back side is seen; 0 off the face).
    """

    raster: Raster
    normals: np.ndarray
    facing: np.ndarray

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns that hold the face, with a margin of a pixel: the part of the crop that is worth work."""
        return box_of(self.raster.covered)


@dataclass(frozen=True)
class Layers:
    """What is layered on the foundation, on the crop's pixels (all 512 x 512).

    bump: float32 metres, positive towards the camera (0 off the face); occlusion: uint8 labels NOT_FACE, VISIBLE,
    HIDDEN, TURNED_AWAY.
    """

    bump: np.ndarray
    occlusion: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """uint8, 255 = visible face skin."""
        return (self.occlusion == VISIBLE).astype(np.uint8) * 255

    @property
    def occluded_fraction(self) -> float:
        """Share of the face's visible side that an object hides, 0..1."""
        hidden = np.count_nonzero(self.occlusion == HIDDEN)
        side = hidden + np.count_nonzero(self.occlusion == VISIBLE)
        return hidden / side if side else 1.0


@dataclass(frozen=True)
class Observation:
    """All that the fast path says of one face in one frame. confidence: 0..1; timings_ms: per stage; id: whose face it
    is, the same in every frame; "" where frames stand alone."""

    face: Face
    crop: Crop
    foundation: Foundation
    coefficients: Coefficients
    surface: Surface
    layers: Layers
    confidence: float
    timings_ms: dict[str, float] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class FaceMesh:
    """A triangle mesh in the camera's frame.

    vertices: (N, 3) float32; faces: (T, 3) int32, counter-clockwise seen from outside; colors: (N, 3) uint8 RGB; seen:
    (N,) bool, where the colour and the position come from the image itself.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray
    seen: np.ndarray

    @cached_property
    def normals(self) -> np.ndarray:
        """(N, 3) float32, unit, outwards."""
        return vertex_normals(self.vertices, self.faces)


@dataclass(frozen=True)
class Filling:
    """What hole filling makes of a bump map.

    bump: (512, 512) float32 metres; sources: the shares of the holes' pixels that "person" (what was seen of the same
    person before), "reference" (a gallery), "mirror" (the mirrored half of the face) and "none" filled; they sum to 1,
    those of no share are left out, and it is empty where nothing is hidden.
    """

    bump: np.ndarray
    sources: dict[str, float]


@dataclass(frozen=True)
class Completed:
    """What completion makes of an observation.

    bump: (512, 512) float32, the bump map after hole filling; filled_from: a `Filling`'s sources; mesh: the finished
    mesh; steady: the same with the same triangles for every face, its first V vertices those of the foundation (`mesh`
    itself, unless that is zippered); timings_ms: per stage.
    """

    bump: np.ndarray
    filled_from: dict[str, float]
    mesh: FaceMesh
    steady: FaceMesh
    timings_ms: dict[str, float] = field(default_factory=dict)
