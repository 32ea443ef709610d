"""Pictures of heads with everything about them known; the same seed gives the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from training.face_model.ict import SKIN_VERTICES
from training.face_model.render import HeadPainter, View
from training.faces import light as lighting
from training.faces.atlas import look_up
from training.faces.detail import FaceDetail, bumped
from training.faces.hair import sample_hair
from training.faces.head import Heads, Shape, sample_shape, sample_view
from training.faces.occluders import occlude, place_of
from training.faces.scene import background
from training.faces.sensor import as_photographed
from training.faces.skin import SkinPaint

#: Part of the skin's random grain that isn't known as shape: what no camera resolves.
_GRAIN = 0.5


@dataclass(frozen=True)
class Wish:
    """What to leave to chance (None) and within which bounds; angles in degrees.

    size: (height, width) of the picture, None: 256 to 640 each; yaw, pitch, roll: of the head; most_yaw, most_pitch,
    roll_deviation: where they are left to chance; expressive: 0..1; share: of the face that something hides (0: nothing
    does), None: half of the faces wear or hide behind something of its natural size; kind: of that thing
    (occluders.KINDS); near: the part of the picture's shorter side that 20 cm of a face take; moment: of the same
    person, others than 0 with another expression, view and light.
    """

    size: tuple[int, int] | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    most_yaw: float = 80.0
    most_pitch: float = 30.0
    roll_deviation: float = 10.0
    expressive: float = 1.0
    share: float | None = None
    kind: str | None = None
    near: tuple[float, float] = (0.38, 0.66)
    moment: int = 0


@dataclass(frozen=True)
class Rendered:
    """A picture and its truth; metres, camera frame.

    image: (H, W, 3) uint8 BGR; skin: (9409, 3) ICT's skin vertices (hair left out); vertices, neutral: (V, 3) our
    model's, with and without the expression; R (3, 3), t (3,): the pose of our model's frame; yaw, pitch: degrees;
    expression: (53,) activations; face: (H, W) bool, pixels of the face model's area, hidden by an object or not;
    occluder: (H, W) bool, objects; hair: (H, W) bool, the head's own; height: (H, W) float32, how far details rise from
    `skin` along its normals; normals: (H, W, 3) float32 unit, with details.
    """

    image: np.ndarray
    camera: Camera
    skin: np.ndarray
    vertices: np.ndarray
    neutral: np.ndarray
    R: np.ndarray
    t: np.ndarray
    yaw: float
    pitch: float
    expression: np.ndarray
    face: np.ndarray
    occluder: np.ndarray
    hair: np.ndarray
    height: np.ndarray
    normals: np.ndarray

    @property
    def share(self) -> float:
        """The share of the face's pixels that something hides."""
        return np.count_nonzero(self.face & self.occluder) / max(np.count_nonzero(self.face), 1)


class FaceGenerator:
    """Holds ICT-FaceKit and what is painted where."""

    def __init__(self):
        self.heads = Heads()
        ict = self.heads.ict
        painter = HeadPainter(ict)
        self._paint, self._detail = SkinPaint(ict, painter), FaceDetail(ict)
        self._triangles, self._part = painter.triangles, painter.part
        self._count = int(self._triangles.max()) + 1
        self._rest = painter.rest[: self._count]
        self._coordinates = painter.coordinates[: self._count]
        used = np.unique(self._triangles[self._part == 0])
        self._hairy = np.zeros(self._count, bool)
        self._hairy[used] = True
        self._sky = lighting.open_sky(self._rest, self._triangles, vertex_normals(self._rest, self._triangles))

    def __call__(self, seed: int, wish: Wish | None = None) -> Rendered:
        """The picture of a seed. Geometry, paint, occluder and camera have seeds of their own, so that a wish for one
        of them leaves the others as they are."""
        wish = wish or Wish()
        streams = [np.random.default_rng([seed, stream]) for stream in range(6)]
        now = None
        if wish.moment:
            now, *others = (np.random.default_rng([seed, stream, wish.moment]) for stream in (0, 1, 3, 4))
            streams[1], streams[3], streams[4] = others
        shape = sample_shape(self.heads, streams[0], wish.expressive, now)
        (yaw, pitch), view = _view(streams[1], wish)
        picture, face, hair, height, normals = self._picture(shape, view, streams[2], streams[5], now)
        occluder = np.zeros(face.shape, bool)
        if wish.share != 0.0 and (wish.share or wish.kind or streams[3].random() < 0.5):
            landmarks = place_of(shape.head[self.heads.ict.landmarks68], view)
            picture, occluder = occlude(picture, face, landmarks, streams[3], wish.share, wish.kind)
        coded = lighting.exposed(picture, face, streams[4])
        image = as_photographed(coded, streams[4], min(max(face.shape) / 400, 1.0))
        return self._rendered(image, shape, view, yaw, pitch, face, occluder, hair, height, normals)

    def _rendered(self, image, shape: Shape, view: View, yaw: float, pitch: float, *layers) -> Rendered:
        """A picture with its truth. layers: as `Rendered` has them, from `face` on."""
        skin, ours, neutral = (
            view.place(points).astype(np.float32) for points in (shape.head[:SKIN_VERTICES], shape.ours, shape.neutral)
        )
        pose = self.heads.pose(shape.neutral, view)
        return Rendered(image, view.camera, skin, ours, neutral, *pose, yaw, pitch, shape.expression, *layers)

    def _picture(self, shape: Shape, view: View, rng, detail_rng, now=None):
        """Linear RGB (H, W, 3), the face's pixels and those under hair (both (H, W) bool), details' height (H, W) and
        the normals (H, W, 3) that they leave. now: where another moment's light comes from."""
        triangles = self._triangles
        hair = sample_hair(rng, self._rest)
        placed = view.place(shape.head[: self._count]).astype(np.float32)
        grown = placed + vertex_normals(placed, triangles) * (hair.thickness * self._hairy)[:, None]
        light = lighting.sample_light(rng)
        if now is not None:
            light = lighting.sample_light(now)
        seen_by_lamp = lighting.lit(grown, triangles, light.lamp)
        raster = rasterize(grown, triangles, view.camera)
        seen = raster.covered
        values = [vertex_normals(grown, triangles), self._coordinates, hair.depth[:, None], seen_by_lamp[:, None]]
        values = np.concatenate([*values, self._sky[:, None]], axis=1)
        normals, place, uv, depth, lamp, sky = np.split(
            raster.interpolate(triangles, values)[seen], [3, 6, 8, 9, 10], axis=1
        )
        part = self._part[raster.triangle[seen]]
        albedo, grain, is_face, hairy = self._paint(place, uv, part, depth[:, 0], hair, rng)
        y, x = np.nonzero(seen)
        rays = view.camera.rays(np.column_stack([x, y]).astype(np.float32)).astype(np.float32)
        points = rays * raster.depth[seen][:, None]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        detail = self._detail(shape.expression, detail_rng)
        skin = (part == 0) & is_face & ~hairy
        height = np.where(skin, look_up(detail.height, uv)[:, 0], 0.0)
        sky = sky[:, 0] * np.where(skin, look_up(detail.open, uv)[:, 0], 1.0)
        to_image = partial(_on_picture, seen)
        truth = bumped(to_image(normals), to_image(points), to_image(height))
        grained = truth[seen]
        grained[:, :2] += _GRAIN * grain
        grained /= np.maximum(np.linalg.norm(grained, axis=1, keepdims=True), 1e-6)
        to_camera = -rays / np.linalg.norm(rays, axis=1, keepdims=True)
        picture = background(rng, view)
        picture[seen] = lighting.shade(albedo, grained, to_camera, lamp[:, 0], sky, light)
        return picture, to_image(is_face), to_image(hairy), to_image(height), truth


def _on_picture(seen, values) -> np.ndarray:
    """Values (P[, C]) at their pixels of the picture (H, W[, C]); 0 elsewhere."""
    image = np.zeros(seen.shape + values.shape[1:], bool if values.dtype == bool else np.float32)
    image[seen] = values
    return image


def _view(rng, wish: Wish):
    """((yaw, pitch) in degrees, view)."""
    size = tuple(rng.integers(256, 641, 2).tolist())
    yaw, pitch = rng.uniform(-wish.most_yaw, wish.most_yaw), rng.uniform(-wish.most_pitch, wish.most_pitch)
    roll = rng.normal(0, wish.roll_deviation)
    chance = {"yaw": yaw, "pitch": pitch, "roll": roll}
    angles = [value if getattr(wish, name) is None else getattr(wish, name) for name, value in chance.items()]
    return angles[:2], sample_view(rng, wish.size or size, *angles, wish.near)
