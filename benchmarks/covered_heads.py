"""Pictures of one ICT head, turned and covered: the views that a face detector meets at the edge of its range."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.subdivision import half_edges
from training.face_model.ict import ICT_FOLDER, SKIN_VERTICES, Ict, load_ict
from training.face_model.render import SIZE, HeadPainter, View, head_rotation

YAWS = (-75, -60, -45, -30, 0, 30, 45, 60, 75)
COVERS = ("clear", "sunglasses", "mask", "hand")


@dataclass(frozen=True)
class Picture:
    """image: (512, 512, 3) uint8, BGR; points: (468, 2) where MediaPipe's points truly lie, in pixels."""

    image: np.ndarray
    points: np.ndarray


class CoveredHeads:
    """Draws the pictures. seed: of the head's shape, colours and light."""

    def __init__(self, seed: int):
        ict = load_ict(ICT_FOLDER)
        self._painter = HeadPainter(ict)
        shape = (0.7 * np.random.default_rng(seed).normal(size=len(ict.identity))).astype(np.float32)
        self._head = (ict.neutral + np.tensordot(shape, ict.identity, 1)).astype(np.float64)
        self._points = _mesh_points(ict)
        self._covers = {"sunglasses": sunglasses, "mask": mask, "hand": hand}
        self._ict, self._skin = ict, 2 * seed + 1

    def __call__(self, yaw: float, cover: str, pitch: float = 0.0, roll: float = 0.0) -> Picture:
        """One picture; angles in degrees: yaw, pitch up, roll clockwise."""
        view = _view(yaw, pitch, roll)
        image, raster = self._painter.paint(self._head, view, np.random.default_rng(self._skin))
        if cover != "clear":
            for vertices, triangles, color in self._covers[cover](self._ict, self._head):
                _draw_over(image, raster.depth, view, vertices, triangles, color)
        points = view.camera.project(view.place(self._head[self._points]))
        return Picture(np.ascontiguousarray(image[..., ::-1]), points)


def _view(yaw, pitch, roll) -> View:
    focal = 1.3 * SIZE
    camera = Camera(np.array([[focal, 0, (SIZE - 1) / 2], [0, focal, (SIZE - 1) / 2], [0, 0, 1.0]]), SIZE, SIZE)
    R = head_rotation(yaw, -pitch, roll)
    return View(R, np.array([0.0, 0.0, 0.6]) - R @ np.array([0.0, -0.01, 0.04]), camera)


def _mesh_points(ict: Ict) -> np.ndarray:
    """(468,) the skin vertices nearest to MediaPipe's points on the neutral head."""
    model = load_face_model()
    origin = (ict.neutral[ict.landmarks68] - model.landmarks68.on(model.faces, model.mean)).mean(0)
    return cKDTree(ict.neutral[:SKIN_VERTICES]).query(model.landmarks468.on(model.faces, model.mean) + origin)[1]


def _draw_over(image, depth, view, vertices, triangles, color) -> None:
    """Draws a mesh of one RGB colour into a picture where it lies before what was drawn."""
    placed = view.place(vertices)
    raster = rasterize(placed, triangles, view.camera)
    before = raster.depth < depth
    normals = raster.interpolate(triangles, vertex_normals(placed.astype(np.float32), triangles.astype(np.int32)))
    light = 0.45 + 0.55 * np.abs(normals @ np.array([0.3, -0.5, -0.81], np.float32))
    image[before] = np.clip(np.array(color) * light[before][:, None], 0, 255).astype(np.uint8)
    depth[before] = raster.depth[before]


def sunglasses(ict: Ict, head: np.ndarray):
    """Two dark lenses before the eyes, a bridge and the temples."""
    marks = head[ict.landmarks68]
    dark, frame = (22, 22, 26), (35, 25, 20)
    centres = [marks[36:42].mean(0), marks[42:48].mean(0)]
    for centre in centres:
        yield *_disc(centre + [0, -0.003, 0.020], (0.030, 0.024), 0.006), dark
    left, right = sorted(centres, key=lambda c: c[0])
    yield *_tube(np.array([left + [0.024, 0.004, 0.020], right + [-0.024, 0.004, 0.020]]), 0.003), frame
    skin = head[:SKIN_VERTICES]
    ears = skin[skin[:, 0].argmin()], skin[skin[:, 0].argmax()]
    for centre, ear, s in zip((left, right), ears, (-1, 1)):
        hinge = centre + [s * 0.030, 0.006, 0.014]
        yield *_tube(np.array([hinge, [ear[0] - s * 0.004, hinge[1], 0.02], [ear[0], hinge[1], -0.02]]), 0.0025), frame


def mask(ict: Ict, head: np.ndarray):
    """A medical mask: the skin from the nose's bridge to below the chin, tented."""
    skin = head[:SKIN_VERTICES]
    marks = head[ict.landmarks68]
    top = np.interp(np.abs(skin[:, 0]), [0.0, 0.03, 0.07], [marks[28, 1], marks[30, 1] + 0.008, marks[33, 1]])
    inside = (skin[:, 1] < top) & (skin[:, 1] > marks[8, 1] - 0.012) & (skin[:, 2] > marks[[3, 13], 2].mean() + 0.005)
    triangles = ict.skin_triangles
    triangles = triangles[inside[triangles].all(1)]
    normals = vertex_normals(head.astype(np.float32), ict.triangles.astype(np.int32))[:SKIN_VERTICES]
    cover = skin + 0.006 * normals
    edges = half_edges(triangles)
    for _ in range(40):  # cloth spans the hollows
        total, count = np.zeros_like(cover), np.zeros(len(cover))
        for a, b in (edges.T, edges.T[::-1]):
            np.add.at(total, a, cover[b])
            np.add.at(count, a, 1)
        used = count > 0
        mean = total[used] / count[used][:, None]
        cover[used] = np.where(mean[:, 2:] > cover[used][:, 2:] - 1e-4, mean, 0.5 * (mean + cover[used]))
        cover[:, 2] = np.maximum(cover[:, 2], skin[:, 2] + 0.004)
    yield cover, triangles, (150, 190, 215)


def hand(ict: Ict, head: np.ndarray):
    """A palm on the cheek, four fingers up over the eye, on the person's left."""
    tone = np.array([190, 140, 115])
    jaw, eye = head[ict.landmarks68][[12, 42]]
    cheek = np.array([0.85 * jaw[0], jaw[1] + 0.022, eye[2] + 0.004])
    turn = cv2.Rodrigues(np.array([0.0, np.radians(38), 0.0]))[0].T
    parts = [(_ball(np.zeros(3), (0.036, 0.040, 0.013)), 0)]
    for k, (x, up) in enumerate(((-0.027, 0.072), (-0.009, 0.084), (0.009, 0.082), (0.027, 0.066))):
        line = [[x, 0.02, 0.004], [1.15 * x, 0.02 + up / 2, 0.010], [1.4 * x, 0.02 + up, 0.002]]
        parts.append((_tube(np.array(line), 0.009), 4 * k))
    for (vertices, triangles), darker in parts:
        yield vertices @ turn + cheek, triangles, tuple(tone - darker)


def _disc(centre, radii, depth):
    """A bulging disc (vertices, triangles) that faces forwards, the lower the farther from its middle."""
    r, a = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 2 * np.pi, 33))
    square = (np.abs(np.cos(a)) ** 4 + np.abs(np.sin(a)) ** 4) ** -0.12  # between an ellipse and a rectangle
    x, y = radii[0] * r * square * np.cos(a), radii[1] * r * square * np.sin(a)
    return _grid(centre + np.stack([x, y, -depth * r**2], -1))


def _ball(centre, radii):
    """An ellipsoid (vertices, triangles)."""
    a, b = np.meshgrid(np.linspace(0, 2 * np.pi, 33), np.linspace(-np.pi / 2, np.pi / 2, 17))
    return _grid(centre + np.stack([np.cos(a) * np.cos(b), np.sin(b), np.sin(a) * np.cos(b)], -1) * radii)


def _tube(line, radius):
    """A tube (vertices, triangles) with round ends about a polyline (P, 3) that does not run along z."""
    t = np.concatenate([[0, 0, 0], np.linspace(0, 1, 17), [1, 1, 1]])
    at = np.column_stack([np.interp(t, np.linspace(0, 1, len(line)), c) for c in line.T])
    steps = np.linspace(0, 1, len(t))
    along = np.gradient(np.column_stack([np.interp(steps, np.linspace(0, 1, len(line)), c) for c in line.T]), axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    cap = np.concatenate([[1.0, 0.87, 0.5], np.zeros(17), [0.5, 0.87, 1.0]]) * radius
    at = at + along * (np.concatenate([-np.ones(3), np.zeros(17), np.ones(3)]) * cap)[:, None]
    width = np.sqrt(np.maximum(radius**2 - cap**2, 0))
    across = np.cross(along, [0.0, 0.3, 1.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    third = np.cross(along, across)
    angle = np.linspace(0, 2 * np.pi, 17)
    ring = across[:, None] * np.cos(angle)[:, None] + third[:, None] * np.sin(angle)[:, None]
    return _grid(at[:, None] + ring * width[:, None, None])


def _grid(points):
    """A grid of points (R, C, 3) as vertices (R C, 3) and triangles."""
    rows, columns = points.shape[:2]
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    quads = np.column_stack([corner, corner + 1, corner + columns + 1, corner + columns])
    return points.reshape(-1, 3), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)
