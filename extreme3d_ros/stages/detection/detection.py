"""The faces of an image, without memory: who has seen the frames before asks less (tracking/).

An upright, uncovered face costs one pass of a detector and two of the mesh network, one whose place is known a single
pass. Where that does not convince, the question is put again: with a second detector, to the image turned, to its
parts; and what turns up is looked at from several sides before it counts as a face (careful.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection.boxes import Box, full_range, overlap, short_range
from extreme3d_ros.stages.detection.careful import CarefulLook, disagreement, expected_box
from extreme3d_ros.stages.detection.mesh import Mesh, MeshNetwork, around
from extreme3d_ros.stages.detection.region import Pyramid, Region

#: MediaPipe's coordinates count from the image's corner, ours from the first pixel's centre.
_TO_CORNER = 0.5
#: A face is easy where the detector, the mesh network and the agreement of the two reach these.
_EASY_SCORE, _EASY_PRESENCE, _EASY_DISAGREEMENT = 0.7, 0.9, 0.1
#: A known face may disagree so much with the detector, which puts the points of small faces roughly.
_KNOWN_DISAGREEMENT = 0.2
#: From here on what a detector finds is worth a careful look.
_CANDIDATE = 0.62
#: A face found with less than the first may be one upside down: the image is turned all the same, and a face found then
#: counts if its score is higher by the second.
_SURE, _CLEARLY = 0.65, 0.1
#: A face followed is one down to this presence. A region that is off by more than the second (`Region.off`: a tenth of
#: the face, 15 % of its size or 9 degrees) scatters the points, one off by the third shows too little of the face.
_STILL, _OFF, _FAR = 0.75, 0.06, 0.35
#: Faces at most, and careful looks at most for each way of asking.
_MOST_FACES, _MOST_LOOKS = 8, 4
#: Parts smaller than this are not looked at: a face in them has too few pixels for the mesh network.
_SMALLEST_PART = 96


@dataclass(frozen=True)
class Glance:
    """faces: new ones, plain to see; doubtful: boxes of what may be others; plain: for each known face the score with
    which the detector sees it too, where it should; 0 where it doesn't."""

    faces: list[Face]
    doubtful: list[Box]
    plain: list[float]


class Detection:
    """Finds the faces of a BGR image (H, W, 3) uint8; largest first, an empty list where there is none."""

    def __init__(self):
        self._short, self._full, self._mesh = short_range(), full_range(), MeshNetwork()
        self._careful = CarefulLook(self._short, self._full, self._mesh)

    def __call__(self, image: np.ndarray) -> list[Face]:
        return self.search(Pyramid(image))

    def search(self, image: Pyramid) -> list[Face]:
        """The same of an image that is in a pyramid already."""
        glance = self.glance(image)
        if glance.faces:  # others in the same image are looked for only where the detector saw more than a hint of them
            found = glance.faces + self.stare(image, glance.doubtful)
        else:
            found = self._search(image, glance.doubtful)
        return _without_overlaps(sorted(found, key=lambda face: -face.bbox[2] * face.bbox[3]))

    def glance(self, image: Pyramid, known: Sequence[Face] = ()) -> Glance:
        """What one pass of the short-range detector shows; it looks no closer at faces that are known already."""
        boxes = self._short(image, image.whole, _CANDIDATE)[:_MOST_FACES]
        points = [face.points + _TO_CORNER for face in known]
        places = [expected_box(each, 1.0) for each in points]
        others = [box for box in boxes if not any(box.same_place(place) for place in places)]
        easy = [self._easy(image, box) for box in others]
        doubtful = [box for box, face in zip(others, easy) if face is None]
        agreeing = [[box.score for box in boxes if _agree(box, each, _KNOWN_DISAGREEMENT)] for each in points]
        return Glance([face for face in easy if face], doubtful, [max(scores, default=0.0) for scores in agreeing])

    def stare(self, image: Pyramid, doubtful: list[Box]) -> list[Face]:
        """The faces of doubtful boxes that stand a careful look, the best boxes first."""
        faces: list[Face] = []
        seen: list[Box] = []
        for box in sorted(doubtful, key=lambda box: -box.score):
            if len(seen) == _MOST_LOOKS + len(faces) or len(faces) == _MOST_FACES:
                break
            if any(box.same_place(other) for other in seen):
                continue
            seen.append(box)
            looked = self._careful(image, box)
            if looked:
                faces.append(_face(*looked))
        return faces

    def follow(self, image: Pyramid, expected: np.ndarray) -> Face | None:
        """The face that is expected to have these points (468, 2); None where there is none or it is far from there.

        One pass of the mesh network, two where the region first shown to it was off. Score: the network's belief.
        """
        return self._at(image, around(expected + _TO_CORNER))

    def guess(self, image: Pyramid, box: Box) -> Face | None:
        """The face of a doubtful box, on the word of the mesh network alone: for those who know whom they look for."""
        return self._at(image, box.region)

    def again(self, image: Pyramid, face: Face) -> Face | None:
        """A careful look at where a face was; None where there is none."""
        looked = self._careful.again(image, face.points + _TO_CORNER)
        return _face(*looked) if looked else None

    def _easy(self, image: Pyramid, box: Box) -> Face | None:
        """The face of a box, or None where that is not plain to see.

        The second mesh depends less on where the box lies: between frames its points scatter 0.2 pixels instead of 0.4.
        """
        if box.score < _EASY_SCORE:
            return None
        mesh = self._mesh(image, box.region, closer=False)
        if mesh.presence < _EASY_PRESENCE or not _agree(box, mesh.points, _EASY_DISAGREEMENT):
            return None
        return _face(self._mesh(image, around(mesh.points[:, :2])), box.score)

    def _at(self, image: Pyramid, region: Region) -> Face | None:
        mesh = self._mesh(image, region)
        found = around(mesh.points[:, :2])
        if found.off(region) > _OFF or mesh.presence < _STILL:
            mesh = self._mesh(image, found)
            found = around(mesh.points[:, :2])
        return _face(mesh, mesh.presence) if mesh.presence >= _STILL and found.off(region) < _FAR else None

    def _search(self, image: Pyramid, doubtful: list[Box]) -> list[Face]:
        """Faces that are not plain to see: in the image as it is and turned, else in its parts."""
        best: list[Face] = []
        for turn, boxes in enumerate(self._turned(image, doubtful)):
            found = self.stare(image, boxes)
            found = _convincing(found) if turn else found
            if _best_score(found) > _best_score(best) + _CLEARLY * bool(best):
                best = found
            if _best_score(best) > _SURE:
                return best
        for part in (2, 4):
            if best:
                break
            boxes = [b for r in _parts(image, part) for b in self._short(image, r, _CANDIDATE)]
            best = _convincing(self.stare(image, boxes))
        return best

    def _turned(self, image: Pyramid, doubtful: list[Box]) -> Iterable[list[Box]]:
        """Boxes that may hold a face, in the image as it is, turned by quarters, and by the eighths between."""
        whole = image.whole
        yield doubtful + self._full(image, whole, _CANDIDATE)
        for eighths in ((2, 4, 6), (1, 3, 5, 7)):
            regions = [Region(whole.x, whole.y, whole.side, eighth * np.pi / 4) for eighth in eighths]
            yield [b for r in regions for detect in (self._short, self._full) for b in detect(image, r, _CANDIDATE)]


def _face(mesh: Mesh, score: float) -> Face:
    return Face(mesh.points[:, :2] - _TO_CORNER, score)


def _agree(box: Box, points: np.ndarray, most: float) -> bool:
    """Whether a detector's box shows, plainly, the face of these points (468, 2)."""
    return box.score >= _EASY_SCORE and disagreement(points, box.points, box.side) <= most


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
        if all(overlap(face.bbox, other.bbox) < 0.3 for other in kept):
            kept.append(face)
    return kept
