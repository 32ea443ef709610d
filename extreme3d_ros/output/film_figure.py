"""What a person looks at of a film: the picture, the mesh laid over it, and the mesh by itself, side by side."""

from __future__ import annotations

import cv2
import numpy as np

from extreme3d_ros.output.figure import clay, seen_side, turned
from extreme3d_ros.records import FaceMesh, Foundation, Frame

#: Height of the panels, pixels; and degrees by which the head is turned in the last one.
_HEIGHT, _YAW = 480, 25
#: What is shown about a face, in parts of its box, and the panels' widest and narrowest, in parts of their height.
_MARGIN, _WIDEST, _NARROWEST = 0.4, 4 / 3, 3 / 4
_DARK = 32

Posed = tuple[FaceMesh, Foundation]


def window(boxes: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the pictures (x, y, w, h) that shows all faces of a film: boxes (F, 4) x y w h; all where F is 0.

    As wide as panels may be, but within the picture.
    """
    if not len(boxes):
        return 0, 0, width, height
    low = (boxes[:, :2] - _MARGIN * boxes[:, 2:]).min(0)
    high = (boxes[:, :2] + (1 + _MARGIN) * boxes[:, 2:]).max(0)
    size = high - low
    size = np.maximum(size, [size[1] * _NARROWEST, size[0] / _WIDEST])
    size = np.minimum(np.ceil(size), [width, height]).astype(int)
    corner = np.clip(np.rint((low + high - size) / 2), 0, [width, height] - size).astype(int)
    return *corner.tolist(), *size.tolist()


class FilmFigure:
    """The panels of a film's frames, all from the same cameras. width, height: of the pictures it makes, both even."""

    height = _HEIGHT

    def __init__(self, shown: tuple[int, int, int, int]):
        """shown: the `window` of the film's pictures."""
        x, y, w, h = shown
        self._panel = max(round(w * _HEIGHT / h / 2) * 2, 2)
        self.width = 2 * self._panel + _HEIGHT
        self._to_image = np.array([[w / self._panel, 0, x], [0, h / _HEIGHT, y], [0, 0, 1.0]])
        self._rows, self._columns = slice(y, y + h), slice(x, x + w)
        self._centre: np.ndarray | None = None
        self._yaw = 0.0

    def __call__(self, frame: Frame, faces: list[Posed]) -> np.ndarray:
        """(height, width, 3) uint8 BGR. faces: their meshes, in the camera's frame, the chosen one first."""
        size = self._panel, _HEIGHT
        picture = cv2.resize(frame.image[self._rows, self._columns], size, interpolation=cv2.INTER_AREA)
        camera = frame.camera.crop(self._to_image, *size)
        over = picture
        for mesh, _ in sorted(faces, key=lambda face: -face[1].t[2]):
            over = clay(mesh.vertices, mesh.faces, camera, over)
        return np.hstack([picture, over, self._alone(*faces[0]) if faces else self._nobody()])

    def _alone(self, mesh: FaceMesh, foundation: Foundation) -> np.ndarray:
        vertices = foundation.to_model(mesh.vertices)
        if self._centre is None:
            self._centre = (vertices.min(0) + vertices.max(0)) / 2
            self._yaw = np.radians(_YAW) * seen_side(foundation.R)
        return clay(*turned(vertices, mesh.faces, self._yaw, self._centre, _HEIGHT))

    def _nobody(self) -> np.ndarray:
        return np.full((_HEIGHT, _HEIGHT, 3), _DARK, np.uint8)
