"""A source's model made ours: metres, our frame, landmarks, regions, twins.

The modes keep their coefficients: F of the same coefficients is the source's own F in metres, shifted. Axes are not
turned: all known sources have x to the person's left, y up, z out of the face, as ours.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.face_model.files import load_face_model
from extreme3d_ros.face_model.importers.closest import Surface
from extreme3d_ros.face_model.importers.mesh import axial_layout, oriented, without_flaws
from extreme3d_ros.face_model.importers.registration import lay_over
from extreme3d_ros.face_model.importers.source import UNKNOWN, Source
from extreme3d_ros.face_model.importers.symmetry import symmetrical
from extreme3d_ros.face_model.model import SKIN, Embedding, FaceModel
from extreme3d_ros.face_model.twins import face_twins
from extreme3d_ros.untrusted.broken import Broken

#: A vertex farther than this from our face area is not on it, metres.
_OFF_FACE = 0.008
_SELLION = 27
#: How far the sellion may lie from landmark 27, and from the plane of symmetry, metres.
_ABOUT, _BESIDE = 0.015, 0.002


def convert(source: Source) -> FaceModel:
    """The whole conversion. Raises Broken where the source is no face."""
    ours = load_face_model()
    vertices = source.mean * source.metres
    faces = without_flaws(source.faces)
    if not len(faces):
        raise Broken("it has no triangles")
    faces = oriented(vertices, faces)
    surface = Surface(vertices, faces)
    laid = lay_over(ours, surface, vertices, source.landmarks68)
    midline = ours.mirror == np.arange(len(ours.mean))
    plane, mirror = symmetrical(vertices, float(laid[midline, 0].mean()), source.mirror)
    landmarks68, _ = surface.closest(ours.landmarks68.on(ours.faces, laid))
    landmarks68 = _told(landmarks68, source.landmarks68, faces)
    landmarks468, off = surface.closest(ours.landmarks468.on(ours.faces, laid))
    points = landmarks68.on(faces, vertices)
    mean = (vertices - _origin(vertices, plane, points[_SELLION])).astype(np.float32)
    eyes = np.linalg.norm(points[36] - points[45])
    return FaceModel(
        name=source.name,
        mean=mean,
        shape_modes=source.shape_modes * np.float32(source.metres),
        expression_modes=source.expression_modes * np.float32(source.metres),
        faces=faces,
        mirror=mirror,
        mirror_faces=face_twins(faces, mirror),
        uv=axial_layout(mean),
        regions=_regions(ours, laid, vertices),
        landmarks68=_single(landmarks68),
        landmarks468=_single(landmarks468),
        # Where our face had to be pulled onto the source's surface the point's place is less sure.
        landmark_noise=np.hypot(ours.landmark_noise, off / eyes).astype(np.float32),
    )


def _told(found: Embedding, vertices: np.ndarray, faces: np.ndarray) -> Embedding:
    """The landmarks on the source's own vertices (68,) where it tells them (and a triangle has them)."""
    triangles, barycentric = found.triangles.copy(), found.barycentric.copy()
    corners = faces.ravel()
    first = np.full(max(corners.max(), vertices.max()) + 1, UNKNOWN)
    first[corners[::-1]] = np.arange(len(corners))[::-1]
    place = np.where(vertices == UNKNOWN, UNKNOWN, first[vertices])
    told = place != UNKNOWN
    triangles[told] = place[told] // 3
    barycentric[told] = np.eye(3)[place[told] % 3]
    return Embedding(triangles, barycentric)


def _single(places: Embedding) -> Embedding:
    return Embedding(places.triangles.astype(np.int32), places.barycentric.astype(np.float32))


def _origin(vertices, plane, landmark):
    """(3,) the sellion on the plane of symmetry: the deepest place of the nose's root about landmark 27."""
    near = (np.abs(vertices - landmark)[:, 1:] < _ABOUT).all(1) & (np.abs(vertices[:, 0] - plane) < _BESIDE)
    deepest = vertices[near][vertices[near, 2].argmin()] if near.any() else landmark
    return np.array([plane, deepest[1], deepest[2]])


def _regions(ours, laid, vertices):
    """(V,) the labels of our nearest vertices, SKIN beyond our face area."""
    distance, nearest = cKDTree(laid).query(vertices)
    return np.where(distance < _OFF_FACE, ours.regions[nearest], SKIN).astype(np.uint8)
