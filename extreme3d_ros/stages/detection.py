"""Detection: MediaPipe's face detector and 468-point mesh network, in one pass and without memory of other frames.

Both keep working behind sunglasses, hands and hair, which is what the foundation needs.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext

import cv2
import numpy as np

from extreme3d_ros.records import Face

_GRAPH = "mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb"
_THRESHOLD = (
    "facedetectionshortrangecpu__facedetectionshortrange__facedetection__TensorsToDetectionsCalculator.min_score_thresh"
)
#: The networks see 128 (detector) and 192 pixels (mesh, of the face alone); a larger image only costs time.
_LONGEST_SIDE = 1280
#: Parts smaller than this are not looked at: a face in them has too few pixels for the mesh network.
_SMALLEST_TILE = 96
#: Faces the mesh network is run on at most.
_MOST_FACES = 8


class Detection:
    """Finds the faces of a BGR image (H, W, 3) uint8; largest first, an empty list where there is none."""

    def __init__(self, min_score: float = 0.5):
        from mediapipe.python.solution_base import SolutionBase  # takes seconds, and only detection needs it

        with _native_stderr_silenced():
            self._network = SolutionBase(
                binary_graph_path=_GRAPH,
                side_inputs={"num_faces": _MOST_FACES, "with_attention": True, "use_prev_landmarks": False},
                calculator_params={_THRESHOLD: min_score},
                outputs=["multi_face_landmarks", "face_detections"],
            )
            self._network.process(np.zeros((64, 64, 3), np.uint8))  # warms up the detector
        self._first_face = True

    def __call__(self, image: np.ndarray) -> list[Face]:
        small, scale = _shrink(image, _LONGEST_SIDE)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        faces = self._detect(rgb, 0, 0, scale) or self._search(rgb, scale)
        faces.sort(key=lambda face: -face.bbox[2] * face.bbox[3])
        return _without_overlaps(faces)

    def _search(self, rgb: np.ndarray, scale: float) -> list[Face]:
        """Faces far away: the detector sees but 128 pixels of an image, so it is shown the image in parts."""
        for part in (2, 4):
            found = [f for x, y, tile in _tiles(rgb, part) for f in self._detect(tile, x, y, scale)]
            if found:  # a tile may cut a face: look again at each as a whole
                found.sort(key=lambda face: -face.score)
                whole = [_around(rgb, face, scale) for face in _without_overlaps(found)]
                return [f for x, y, tile in whole for f in self._detect(tile, x, y, scale)]
        return []

    def close(self) -> None:
        """Frees the networks."""
        self._network.close()

    def _detect(self, rgb: np.ndarray, x0: int, y0: int, scale: float) -> list[Face]:
        """Faces of one tile at (x0, y0) of an image that was shrunk by `scale`, in pixels of the original."""
        with _native_stderr_silenced() if self._first_face else nullcontext():
            found = self._network.process(np.ascontiguousarray(rgb))
        self._first_face = self._first_face and not found.multi_face_landmarks
        size = np.array([rgb.shape[1], rgb.shape[0]])
        detections = [_detection(d, size) for d in found.face_detections or []]
        faces = []
        for mesh in found.multi_face_landmarks or []:
            points = np.array([(p.x, p.y) for p in mesh.landmark[:468]]) * size
            score = _score_at(points.mean(0), detections)
            # MediaPipe's coordinates count from the image's corner, ours from the first pixel's centre.
            points = (points + (x0, y0)) * scale - 0.5
            low, extent = points.min(0), np.ptp(points, axis=0)
            faces.append(Face((*map(float, low), *map(float, extent)), points, score))
        return faces


@contextmanager
def _native_stderr_silenced():
    """MediaPipe's libraries print their start-up past Python; on a user's terminal it would bury our one line."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _shrink(image: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    scale = max(max(image.shape[:2]) / longest, 1.0)
    if scale == 1.0:
        return image, 1.0
    size = (max(round(image.shape[1] / scale), 1), max(round(image.shape[0] / scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def _tiles(rgb: np.ndarray, part: int):
    """(x, y, tile): squares of the longer side / part, overlapping by half; none where they would show no face."""
    height, width = rgb.shape[:2]
    side = max(height, width) // part
    if side < _SMALLEST_TILE:
        return
    for y in range(0, max(height - side // 2, 1), side // 2):
        for x in range(0, max(width - side // 2, 1), side // 2):
            yield x, y, rgb[y : y + side, x : x + side]


def _around(rgb: np.ndarray, face: Face, scale: float):
    """(x, y, tile): the square three times the size of a face about it."""
    x, y, w, h = (value / scale for value in face.bbox)
    half = 1.5 * max(w, h)
    x0, y0 = max(int(x + w / 2 - half), 0), max(int(y + h / 2 - half), 0)
    return x0, y0, rgb[y0 : y0 + int(2 * half), x0 : x0 + int(2 * half)]


def _detection(detection, size) -> tuple[np.ndarray, float]:
    box = detection.location_data.relative_bounding_box
    return np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * size, float(detection.score[0])


def _score_at(centre: np.ndarray, detections: list[tuple[np.ndarray, float]]) -> float:
    """The score of the detection nearest to a mesh: the two lists of the network are in no common order."""
    return min(detections, key=lambda d: np.hypot(*(d[0] - centre)), default=(None, 0.0))[1]


def _without_overlaps(faces: list[Face]) -> list[Face]:
    kept: list[Face] = []
    for face in faces:
        if all(_overlap(face.bbox, other.bbox) < 0.3 for other in kept):
            kept.append(face)
    return kept


def _overlap(a, b) -> float:
    """Intersection over the smaller box, 0..1."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0.0) * max(h, 0.0) / max(min(a[2] * a[3], b[2] * b[3]), 1e-9)
