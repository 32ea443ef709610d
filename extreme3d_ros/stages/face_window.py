"""The part of the crop that holds the foundation: what the bump network sees, and what its maps are laid back on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Crop, Surface

#: The square's side over the longer side of the foundation's box; and how much wider than the box its middle must be,
#: where that will do.
_ROOM, _LEAST_ROOM = 1.06, 1.02
#: The network halves its maps six times.
_STEP = 64
#: Half the extent of the mean face, metres: places become numbers of about -1 to 1.
_HALF = 0.1


@dataclass(frozen=True)
class FaceWindow:
    """Crop pixels, `height` x `width` from `top` and `left` on, seen as `rows` x `columns`."""

    left: int
    top: int
    width: int
    height: int
    columns: int
    rows: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window of an image (H, W[, C]), averaged to (rows, columns[, C])."""
        shrinks = self.height > self.rows
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(image[self._part], (self.columns, self.rows), interpolation=interpolation)

    def laid_back(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        """The inverse: a map (rows, columns) on the crop's pixels (height, width), 0 outside the window."""
        whole = np.zeros((height, width), np.float32)
        whole[self._part] = cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return whole

    @property
    def _part(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class WindowMaker:
    """Cuts windows, with what the foundation is there."""

    def __init__(self, model: FaceModel, size: int):
        self._faces, self._size = model.faces, size
        self._place = (model.mean[:, :2] / _HALF).astype(np.float32)

    def __call__(self, crop: Crop, surface: Surface, narrow: bool = False) -> tuple[FaceWindow, dict[str, np.ndarray]]:
        """The window, and the network's inputs.

        `size` rows and as many columns or, if the window may be `narrow`, as few as hold the face: window (rows,
        columns, 3) uint8 BGR; normals (rows, columns, 3) float32, camera frame, 0 off the foundation; place (rows,
        columns, 2) float32, where on the mean face a pixel lies, from its middle to the person's left and up, in
        decimetres.
        """
        window = self._around(surface, narrow)
        place = surface.raster.interpolate(self._faces, self._place)
        return window, {
            "window": window.cut(crop.image),
            "normals": window.cut(surface.normals),
            "place": window.cut(np.ascontiguousarray(place)),
        }

    def _around(self, surface: Surface, narrow: bool) -> FaceWindow:
        height, width = surface.facing.shape
        rows, columns = surface.box
        across = columns.stop - columns.start
        side = round(_ROOM * max(rows.stop - rows.start, across))
        side = min(max(side, 8), height, width)
        count = self._size
        if narrow:
            count = min(_STEP * int(np.ceil(_LEAST_ROOM * across * self._size / (_STEP * side))), self._size)
        wide = round(side * count / self._size)
        left, top = (
            min(max((part.start + part.stop - extent) // 2, 0), whole - extent)
            for part, extent, whole in ((columns, wide, width), (rows, side, height))
        )
        return FaceWindow(left, top, wide, side, count, self._size)
