"""The figure a person looks at: input, mask, bump map, foundation, final front, final side."""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import HIDDEN, TURNED_AWAY, VISIBLE, Crop, Foundation, Layers

_PANEL = 400
_CLAY = np.array([196.0, 205.0, 214.0])  # BGR
_BACKGROUND = 32
#: Where two lights come from, in the camera's frame; as long as they are strong.
_LIGHTS = np.array([[-0.514, -0.441, -0.514], [0.317, -0.04, -0.317]])
#: Degrees by which the head is turned for the view from the side.
_SIDE = 60
#: Model frame (y up, z out of the face) to a camera that looks at the face (y down, z forward).
_FRONT = np.diag([1.0, -1.0, -1.0])


def figure(crop: Crop, foundation: Foundation, layers: Layers, mesh: tuple | None, faces: np.ndarray) -> np.ndarray:
    """The six panels side by side, (450, 2400, 3) uint8 BGR; the first four where there is no mesh.

    mesh: vertices (N, 3) in the camera's frame, triangles (T, 3) and RGB colours (N, 3) of the finished mesh; faces:
    the foundation's triangles.
    """
    panels = {
        "input": crop.image,
        "mask": _tinted(crop.image, layers.occlusion),
        "bump map, +-1.5 mm": _grey(layers.bump),
        "foundation": clay(foundation.vertices, faces, crop.camera),
    }
    if mesh is not None:
        vertices, triangles, colors = mesh
        frontal = foundation.to_model(vertices)
        centre = (frontal.min(0) + frontal.max(0)) / 2
        panels["final, front"] = clay(*turned(frontal, triangles, 0.0, centre, _PANEL))
        side = turned(frontal, triangles, np.radians(_SIDE) * seen_side(foundation.R), centre, _PANEL)
        panels["final, side"] = painted(*side, colors)
    return np.hstack([_panel(title, image) for title, image in panels.items()])


def clay(
    vertices: np.ndarray, faces: np.ndarray, camera: Camera, behind: np.ndarray | float = _BACKGROUND
) -> np.ndarray:
    """A mesh (N, 3) of the camera's frame in matt clay, lit from above and beside the camera: (H, W, 3) uint8 BGR.

    behind: the picture (H, W, 3) before which it stands, or a grey.
    """
    raster = rasterize(vertices, faces, camera)
    normals = raster.interpolate(faces, vertex_normals(vertices, faces))
    length = np.sqrt(np.einsum("hwc,hwc->hw", normals, normals))
    shade = np.clip(normals @ _LIGHTS.T, 0, None).sum(-1) / np.maximum(length, 1e-6)
    return _before(_CLAY * (0.08 + shade[..., None]), raster.covered, behind)


def painted(vertices: np.ndarray, faces: np.ndarray, camera: Camera, colors: np.ndarray) -> np.ndarray:
    """A mesh (N, 3) of the camera's frame in its own colours (N, 3) RGB: (H, W, 3) uint8 BGR."""
    raster = rasterize(vertices, faces, camera)
    return _before(raster.interpolate(faces, colors[:, ::-1]), raster.covered, _BACKGROUND)


def _before(image: np.ndarray, covered: np.ndarray, behind: np.ndarray | float) -> np.ndarray:
    return np.where(covered[..., None], np.clip(image, 0, 255), behind).astype(np.uint8)


def turned(
    vertices: np.ndarray, faces: np.ndarray, yaw: float, centre: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, Camera]:
    """A mesh (N, 3) of the model's frame, its head turned by `yaw` radians about `centre` (3,), before a camera 0.9 m
    away whose picture is square: vertices, triangles, camera."""
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    posed = (vertices - centre) @ turn.T @ _FRONT.T + [0.0, 0.0, 0.9]
    focal, middle = side * 3.6, side / 2
    return posed, faces, Camera(np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]), side, side)


def seen_side(R: np.ndarray) -> float:
    """+1 or -1: the turn that shows the half of the face that the camera saw."""
    return 1.0 if R[0, 2] > 0 else -1.0


def _tinted(image: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """The crop with visible skin in green, hidden parts in red, parts turned away in blue."""
    tint = image.astype(np.float32) * 0.55
    for label, colour in ((VISIBLE, (0, 200, 0)), (HIDDEN, (0, 0, 255)), (TURNED_AWAY, (255, 80, 0))):
        tint[occlusion == label] += 0.45 * np.array(colour, np.float32)
    return tint.astype(np.uint8)


def _grey(bump: np.ndarray) -> np.ndarray:
    """The bump map with more contrast than its 8-bit encoding has."""
    return np.clip(127.5 + bump / 1.5e-3 * 127.5, 0, 255).astype(np.uint8)


def _panel(title: str, image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    image = cv2.resize(image, (_PANEL, _PANEL), interpolation=cv2.INTER_AREA)
    caption = np.full((50, _PANEL, 3), 255, np.uint8)
    cv2.putText(caption, title, (12, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
    return np.vstack([caption, image])
