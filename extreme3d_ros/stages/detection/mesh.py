"""MediaPipe's 468-point attention mesh: a region in, points and whether there is a face out.

A first network finds all points and a map of features; then lips and eyes are looked at closer, each in a window of the
feature map laid about the points found so far.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.stages.detection.networks import Network, network_file
from extreme3d_ros.stages.detection.region import MARGIN, Pyramid, Region, Tones, level_box
from extreme3d_ros.stages.detection.subgraph import subgraph
from extreme3d_ros.stages.detection.windows import EYES_AND_LIPS, sampled

#: Side of the network's input and of its feature map, in pixels.
_SIZE, _FEATURES = 192, 48
_POINTS, _MAP, _FLAG = b"output_mesh", b"p_re_lu_3", b"conv_faceflag"
_TONES = Tones(1 / 255)


@dataclass(frozen=True)
class Mesh:
    """points: (468, 3) in the image's pixels from its corner, z towards the scene in the same unit; presence: 0..1, the
    network's own belief that it looks at a face."""

    points: np.ndarray
    presence: float


class MeshNetwork:
    """The mesh network, in two halves."""

    def __init__(self):
        model = network_file("face_landmark/face_landmark_with_attention.tflite")
        self._base = Network(subgraph(model, None, [_POINTS, _MAP, _FLAG]))
        inputs = [window.input for window in EYES_AND_LIPS]
        self._closer = Network(subgraph(model, inputs, [window.output for window in EYES_AND_LIPS]))

    def __call__(self, image: Pyramid, region: Region, closer: bool = True) -> Mesh:
        """The mesh of a region of a BGR image; `closer`: with lips and eyes refined."""
        patch = image.patch(region, _SIZE)
        points, features, flag = self._base(_TONES(patch))
        points = points.reshape(468, 3).astype(np.float64)
        if closer:
            self._refine(points, features[0])
        placed = np.column_stack([region.place(points[:, :2], _SIZE), points[:, 2] * region.side / _SIZE])
        return Mesh(placed, float(1 / (1 + np.exp(-flag.item()))))

    def _refine(self, points: np.ndarray, features: np.ndarray) -> None:
        """Replaces the points (468, 3) of lips and eyes by closer ones."""
        scale = _FEATURES / _SIZE
        maps = [window.to_features(points[:, :2] * scale) for window in EYES_AND_LIPS]
        found = self._closer(*(sampled(features, to_features)[None] for to_features in maps))
        for window, to_features, closer in zip(EYES_AND_LIPS, maps, found):
            placed = closer.reshape(-1, 2) * scale @ to_features[:, :2].T + to_features[:, 2]
            points[window.points, :2] = placed / scale


def around(points: np.ndarray, margin: float = MARGIN) -> Region:
    """The region about a face whose points (468, 2) are roughly known, eyes level; margin: its side in those of the
    square about the points, by default what the network wants to see."""
    angle, middle, sizes = level_box(points, points[263] - points[33])
    x, y = map(float, middle)
    return Region(x, y, margin * float(sizes.max()), angle)
