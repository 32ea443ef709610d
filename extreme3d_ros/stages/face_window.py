"""The square of the crop that holds the foundation: what the bump network sees, and what its maps are laid back on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import CROP_SIZE, Crop, Surface

#: Side of what the network sees, pixels.
SIZE = 256
#: The square's side over the longer side of the foundation's box.
_ROOM = 1.06
#: Half the extent of the mean face, metres: places become numbers of about -1 to 1.
_HALF = 0.1


@dataclass(frozen=True)
class FaceWindow:
    """Crop pixels from `left`, `top`, `side` of them either way, seen as SIZE x SIZE."""

    left: int
    top: int
    side: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The square of an image (H, W[, C]), averaged to (256, 256[, C])."""
        part = image[self.top : self.top + self.side, self.left : self.left + self.side]
        return cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA if self.side > SIZE else cv2.INTER_LINEAR)

    def laid_back(self, image: np.ndarray) -> np.ndarray:
        """The inverse: a map (256, 256) on the crop's pixels (512, 512), 0 outside the square."""
        whole = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
        part = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        whole[self.top : self.top + self.side, self.left : self.left + self.side] = part
        return whole


class WindowMaker:
    """Cuts windows, with what the foundation is there."""

    def __init__(self, model: FaceModel):
        self._faces = model.faces
        self._place = (model.mean[:, :2] / _HALF).astype(np.float32)

    def __call__(self, crop: Crop, surface: Surface) -> tuple[FaceWindow, dict[str, np.ndarray]]:
        """The window and the network's inputs: window (256, 256, 3) uint8 BGR; normals (256, 256, 3) float32, camera
        frame, 0 off the foundation; place (256, 256, 2) float32, where on the mean face a pixel lies, from its middle
        to the person's left and up, in decimetres."""
        window = _around(surface)
        place = surface.raster.interpolate(self._faces, self._place)
        return window, {
            "window": window.cut(crop.image),
            "normals": window.cut(surface.normals),
            "place": window.cut(np.ascontiguousarray(place)),
        }


def _around(surface: Surface) -> FaceWindow:
    rows, columns = surface.box
    side = round(_ROOM * max(rows.stop - rows.start, columns.stop - columns.start))
    side = min(max(side, 8), CROP_SIZE)
    left, top = (min(max((s.start + s.stop - side) // 2, 0), CROP_SIZE - side) for s in (columns, rows))
    return FaceWindow(left, top, side)
