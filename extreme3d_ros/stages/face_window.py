"""The square of the crop that holds the foundation: what the bump network sees, and what its maps are laid back on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Crop, Surface

#: The square's side over the longer side of the foundation's box.
_ROOM = 1.06
#: Half the extent of the mean face, metres: places become numbers of about -1 to 1.
_HALF = 0.1


@dataclass(frozen=True)
class FaceWindow:
    """Crop pixels from `left`, `top`, `side` of them either way, seen as `size` x `size`."""

    left: int
    top: int
    side: int
    size: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The square of an image (H, W[, C]), averaged to (size, size[, C])."""
        part = image[self.top : self.top + self.side, self.left : self.left + self.side]
        shrinks = self.side > self.size
        return cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def laid_back(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        """The inverse: a map (size, size) on the crop's pixels (height, width), 0 outside the square."""
        whole = np.zeros((height, width), np.float32)
        part = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        whole[self.top : self.top + self.side, self.left : self.left + self.side] = part
        return whole


class WindowMaker:
    """Cuts windows, with what the foundation is there."""

    def __init__(self, model: FaceModel, size: int):
        self._faces, self._size = model.faces, size
        self._place = (model.mean[:, :2] / _HALF).astype(np.float32)

    def __call__(self, crop: Crop, surface: Surface) -> tuple[FaceWindow, dict[str, np.ndarray]]:
        """The window and the network's inputs: window (size, size, 3) uint8 BGR; normals (size, size, 3) float32,
        camera frame, 0 off the foundation; place (size, size, 2) float32, where on the mean face a pixel lies, from
        its middle to the person's left and up, in decimetres."""
        window = self._around(surface)
        place = surface.raster.interpolate(self._faces, self._place)
        return window, {
            "window": window.cut(crop.image),
            "normals": window.cut(surface.normals),
            "place": window.cut(np.ascontiguousarray(place)),
        }

    def _around(self, surface: Surface) -> FaceWindow:
        height, width = surface.facing.shape
        rows, columns = surface.box
        side = round(_ROOM * max(rows.stop - rows.start, columns.stop - columns.start))
        side = min(max(side, 8), height, width)
        left, top = (
            min(max((part.start + part.stop - side) // 2, 0), whole - side)
            for part, whole in ((columns, width), (rows, height))
        )
        return FaceWindow(left, top, side, self._size)
