"""The windows of the attention mesh: where on the feature map lips and eyes are looked at closer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from extreme3d_ros.stages.detection.region import level_box, turned_by

#: Side of a window in samples, and how much larger than its points' box it is.
_SAMPLES, _MARGIN = 16, 1.5


@dataclass(frozen=True)
class Window:
    """input, output: names of the network's tensors; level: the two points that lie on the window's x axis; points: the
    mesh points that it covers, in the order of the output."""

    input: bytes
    output: bytes
    level: tuple[int, int]
    points: list[int]

    def to_features(self, points: np.ndarray) -> np.ndarray:
        """(2, 3): the window's coordinates, 0..16 along each side, to those of the points (468, 2)."""
        a, b = points[list(self.level)]
        angle, middle, sizes = level_box(points[self.points], b - a)
        linear = turned_by(angle) * (_MARGIN * sizes / _SAMPLES)
        return np.column_stack([linear, middle - linear @ [_SAMPLES / 2, _SAMPLES / 2]])


@njit(cache=True, nogil=True, error_model="numpy")
def sampled(features: np.ndarray, to_features: np.ndarray) -> np.ndarray:
    """A window (16, 16, C) of a feature map (H, W, C) float32, bilinear, zero outside."""
    height, width, channels = features.shape
    window = np.zeros((_SAMPLES, _SAMPLES, channels), dtype=np.float32)
    for row in range(_SAMPLES):
        for column in range(_SAMPLES):
            x = to_features[0, 0] * (column + 0.5) + to_features[0, 1] * (row + 0.5) + to_features[0, 2] - 0.5
            y = to_features[1, 0] * (column + 0.5) + to_features[1, 1] * (row + 0.5) + to_features[1, 2] - 0.5
            if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                continue
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            u, v = np.float32(x - left), np.float32(y - top)
            for c in range(channels):
                upper = (1 - u) * features[top, left, c] + u * features[top, left + 1, c]
                lower = (1 - u) * features[top + 1, left, c] + u * features[top + 1, left + 1, c]
                window[row, column, c] = (1 - v) * upper + v * lower
    return window


# The orders of the points are facts of the network file (its outputs), as MediaPipe's documentation lists them: contour
# by contour, lower one first, from the image's left to its right.
_LIPS = [
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407),
]
_RIGHT_EYE = [
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190),
    *(226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189),
    *(35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245),
    *(156, 70, 63, 105, 66, 107, 55, 193),
]
_LEFT_EYE = [
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
    *(359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414),
    *(446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413),
    *(265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465),
    *(383, 300, 293, 334, 296, 336, 285, 417),
]
EYES_AND_LIPS = (
    Window(b"transform_tensor_bilinear_v2", b"conv_lips", (61, 291), _LIPS),
    Window(b"transform_tensor_bilinear_v2_1", b"conv_left_eye", (33, 133), _RIGHT_EYE),
    Window(b"transform_tensor_bilinear_v2_2", b"conv_right_eye", (362, 263), _LEFT_EYE),
)
