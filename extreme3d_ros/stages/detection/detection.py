"""The faces of an image, without memory: who knows the face of the frame before may say so.

An upright, uncovered face costs one pass of a detector and two of the mesh network. Where that does not convince, the
question is put again: with a second detector, to the image turned, to its parts; and what turns up is looked at from
several sides before it counts as a face (careful.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection.boxes import Box, full_range, short_range
from extreme3d_ros.stages.detection.careful import CarefulLook, disagreement
from extreme3d_ros.stages.detection.mesh import Mesh, MeshNetwork, around
from extreme3d_ros.stages.detection.region import Pyramid, Region

#: MediaPipe's coordinates count from the image's corner, ours from the first pixel's centre.
_TO_CORNER = 0.5
#: A face is easy where the detector, the mesh network and the agreement of the two reach these.
_EASY_SCORE, _EASY_PRESENCE, _EASY_DISAGREEMENT = 0.7, 0.9, 0.1
#: From here on what a detector finds is worth a careful look.
_CANDIDATE = 0.62
#: A face found with less than the first may be one upside down: the image is turned all the same, and a face found then
#: counts if its score is higher by the second.
_SURE, _CLEARLY = 0.65, 0.1
#: Faces at most, and careful looks at most for each way of asking.
_MOST_FACES, _MOST_LOOKS = 8, 4
#: Parts smaller than this are not looked at: a face in them has too few pixels for the mesh network.
_SMALLEST_PART = 96


class Detection:
    """Finds the faces of a BGR image (H, W, 3) uint8; largest first, an empty list where there is none."""

    def __init__(self):
        self._short, self._full, self._mesh = short_range(), full_range(), MeshNetwork()
        self._careful = CarefulLook(self._short, self._full, self._mesh)

    def __call__(self, image: np.ndarray, hint: Face | None = None) -> list[Face]:
        """hint: the face of the frame before; where none is plain to see, it may save the long search."""
        pyramid = Pyramid(image)
        boxes = self._short(pyramid, pyramid.whole, _CANDIDATE)[:_MOST_FACES]
        easy = [self._easy(pyramid, box) for box in boxes]
        found = [face for face in easy if face]
        doubtful = [box for box, face in zip(boxes, easy) if face is None]
        if found:  # others in the same image are looked for only where the detector saw more than a hint of them
            found += self._looked_at(pyramid, doubtful)
        else:
            found = self._followed(pyramid, hint) or self._search(pyramid, doubtful)
        return _without_overlaps(sorted(found, key=lambda face: -face.bbox[2] * face.bbox[3]))

    def close(self) -> None:
        """Frees the networks."""
        self._short = self._full = self._mesh = self._careful = None

    def _easy(self, image: Pyramid, box: Box) -> Face | None:
        """The face of a box, or None where that is not plain to see.

        The second mesh depends less on where the box lies: between frames its points scatter 0.2 pixels instead of 0.4.
        """
        if box.score < _EASY_SCORE:
            return None
        mesh = self._mesh(image, box.region, closer=False)
        if mesh.presence < _EASY_PRESENCE or disagreement(mesh, box.points, box.side) > _EASY_DISAGREEMENT:
            return None
        return _face(self._mesh(image, around(mesh.points[:, :2])), box.score)

    def _followed(self, image: Pyramid, hint: Face | None) -> list[Face]:
        """The face of the frame before, if it is still there."""
        looked = self._careful.again(image, hint.points + _TO_CORNER) if hint else None
        return [_face(*looked)] if looked else []

    def _search(self, image: Pyramid, doubtful: list[Box]) -> list[Face]:
        """Faces that are not plain to see: in the image as it is and turned, else in its parts."""
        best: list[Face] = []
        for turn, boxes in enumerate(self._turned(image, doubtful)):
            found = self._looked_at(image, boxes)
            found = _convincing(found) if turn else found
            if _best_score(found) > _best_score(best) + _CLEARLY * bool(best):
                best = found
            if _best_score(best) > _SURE:
                return best
        for part in (2, 4):
            if best:
                break
            boxes = [b for r in _parts(image, part) for b in self._short(image, r, _CANDIDATE)]
            best = _convincing(self._looked_at(image, boxes))
        return best

    def _turned(self, image: Pyramid, doubtful: list[Box]) -> Iterable[list[Box]]:
        """Boxes that may hold a face, in the image as it is, turned by quarters, and by the eighths between."""
        whole = image.whole
        yield doubtful + self._full(image, whole, _CANDIDATE)
        for eighths in ((2, 4, 6), (1, 3, 5, 7)):
            regions = [Region(whole.x, whole.y, whole.side, eighth * np.pi / 4) for eighth in eighths]
            yield [b for r in regions for detect in (self._short, self._full) for b in detect(image, r, _CANDIDATE)]

    def _looked_at(self, image: Pyramid, boxes: list[Box]) -> list[Face]:
        """The faces that stand a careful look, the best boxes first."""
        faces: list[Face] = []
        seen: list[Box] = []
        for box in sorted(boxes, key=lambda box: -box.score):
            if len(seen) == _MOST_LOOKS + len(faces) or len(faces) == _MOST_FACES:
                break
            if any(box.same_place(other) for other in seen):
                continue
            seen.append(box)
            looked = self._careful(image, box)
            if looked:
                faces.append(_face(*looked))
        return faces


def _face(mesh: Mesh, score: float) -> Face:
    points = mesh.points[:, :2] - _TO_CORNER
    low, extent = points.min(0), np.ptp(points, axis=0)
    return Face((*map(float, low), *map(float, extent)), points, score)


def _convincing(faces: list[Face]) -> list[Face]:
    """Those that count where one question was not enough: the more are asked, the likelier a wrong answer."""
    return [face for face in faces if face.score > _SURE]


def _best_score(faces: list[Face]) -> float:
    return max((face.score for face in faces), default=0.0)


def _parts(image: Pyramid, part: int) -> Iterable[Region]:
    """Squares of the longer side / part, overlapping by half; none where they would show no face."""
    side = max(image.height, image.width) / part
    if side < _SMALLEST_PART:
        return
    for y in np.arange(0, max(image.height - side / 2, 1), side / 2):
        for x in np.arange(0, max(image.width - side / 2, 1), side / 2):
            yield Region(x + side / 2, y + side / 2, side)


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
