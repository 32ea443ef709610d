"""MediaPipe's points on rendered heads whose surface is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mediapipe.python.solution_base import SolutionBase

from extreme3d_ros.geometry.raster import Raster, rasterize
from training.face_model.activations import sample_activations
from training.face_model.build import Build
from training.face_model.ict import NOSTRIL_RADIUS, nostril_distance
from training.face_model.modes import expression_offsets
from training.face_model.render import HeadPainter, View, sample_view

_THRESHOLD = "facedetectionshortrangecpu__facedetectionshortrange__facedetection__TensorsToDetectionsCalculator"
#: Largest yaw and pitch, degrees, and strength of expressions.
_YAW, _PITCH, _MILD = 40.0, 20.0, 0.5


class Detector:
    """A callable: RGB picture (H, W, 3) to the 468 points (468, 2) in pixels (centres integer), or None."""

    def __init__(self):
        self.graph = SolutionBase(
            binary_graph_path="mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb",
            side_inputs={"num_faces": 1, "with_attention": True, "use_prev_landmarks": False},
            calculator_params={f"{_THRESHOLD}.min_score_thresh": 0.3},
            outputs=["multi_face_landmarks"],
        )

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        faces = self.graph.process(np.ascontiguousarray(picture)).multi_face_landmarks
        if not faces:
            return None
        points = np.array([(p.x, p.y) for p in faces[0].landmark[:468]])
        return points * picture.shape[1::-1] - 0.5


@dataclass(frozen=True)
class Sighting:
    """A rendered head.

    points: (468, 2) detected; placed: (V, 3) our surface in the camera's frame; rest: (468, 3) the points of ICT's
    neutral head under the detected points, nan off the head; yaw: degrees.
    """

    points: np.ndarray
    placed: np.ndarray
    rest: np.ndarray
    view: View
    yaw: float

    def raster(self, faces) -> Raster:
        """Our surface as the picture sees it."""
        return rasterize(self.placed, faces, self.view.camera)


def sightings(build: Build, count: int, rng) -> Iterator[Sighting]:
    """Of `count` rendered heads those that are detected: varied identities, mild expressions, turned somewhat."""
    ict, topology = build.ict, build.topology
    painter, detector = HeadPainter(ict), Detector()
    for _ in range(count):
        identity = rng.standard_normal(len(ict.identity)).astype(np.float32)
        activation = _MILD * rng.random() * sample_activations(ict.names, 1, rng)
        head = ict.neutral + np.tensordot(identity, ict.identity, 1) + np.tensordot(activation[0], ict.expressions, 1)
        ours = build.carried.neutral + topology.bulge + np.tensordot(identity, build.carried.identity, 1)
        ours = ours + expression_offsets(build.carried, topology, activation)[0]
        turn = rng.uniform(-_YAW, _YAW)
        view = sample_view(rng, turn, rng.uniform(-_PITCH, _PITCH))
        picture, raster = painter.paint(head, view, rng)
        points = detector(picture)
        if points is not None:
            rest = _on_head(points, painter, raster)
            yield Sighting(points, view.place(ours).astype(np.float32), rest, view, turn)


def _on_head(points, painter: HeadPainter, raster: Raster):
    """Points of the neutral head (468, 3) under the detected points, nan off the head."""
    triangle, barycentric = under(points, raster)
    corners = painter.triangles[triangle]
    place = (painter.rest[corners] * barycentric[..., None]).sum(1)
    uv = painter.coordinates[corners][..., 3:].mean(1)
    place[(triangle < 0) | (nostril_distance(uv) < NOSTRIL_RADIUS)] = np.nan
    return place


def under(points: np.ndarray, raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    """What a picture shows at points (N, 2): triangles (N,), -1 for none, and barycentric weights (N, 3)."""
    height, width = raster.triangle.shape
    column, row = np.round(points).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    return np.where(inside, raster.triangle[row, column], -1), raster.barycentric[row, column]
