"""A careful look at what may be a face: turned far away, covered, or none at all.

Both detectors look again, at two distances and with the eyes level. A face convinces them each time; what only
resembles one does not. The mesh network is then shown several regions: on profiles and behind masks much depends on
where the region lies. Of the meshes that it believes in, the one that agrees best with the detectors' six points is
taken: on most rendered heads turned 60 degrees and more that agreement goes with the true error (correlation 0.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from extreme3d_ros.stages.detection.boxes import Box, BoxDetector
from extreme3d_ros.stages.detection.mesh import Mesh, MeshNetwork, around
from extreme3d_ros.stages.detection.region import MARGIN, Pyramid, Region

#: Sides of the further looks, in those of the mesh's region.
_DISTANCES = (1.4, 2.0)
_LEAST_LOOK = 0.05
#: A face is one where the looks' mean score, the mesh network's best belief and the agreement of both reach these.
_MEAN_SCORE, _PRESENCE, _DISAGREEMENT = 0.5, 0.75, 0.2
#: The regions tried: sides, and shifts along the eyes, in those of the box's own region.
_SIDES, _SHIFTS = (0.8, 1.0, 1.2), (-0.12, 0.0, 0.12)
#: Mesh points whose means are the detectors' six: right eye, left eye, nose, mouth, right ear, left ear.
_SIX = np.array([[33, 133], [362, 263], [1, 4], [13, 14], [234, 234], [454, 454]])


class CarefulLook:
    """Judges the boxes of the detectors."""

    def __init__(self, short: BoxDetector, full: BoxDetector, mesh: MeshNetwork):
        self._detectors = (short, full)
        self._mesh = mesh

    def __call__(self, image: Pyramid, box: Box) -> tuple[Mesh, float] | None:
        """The mesh of the face in a box and its score 0..1; None where there is no face."""
        return self._judged(image, box, [_regions])

    def again(self, image: Pyramid, points: np.ndarray) -> tuple[Mesh, float] | None:
        """The same for the face that had these points (468, 2) in the frame before: few regions where that will do.

        Were less demanded of it than of a new one, what was taken for a face once would be taken for it forever.
        """
        mesh = self._mesh(image, around(points), closer=False)
        return self._judged(image, expected_box(mesh.points[:, :2], mesh.presence), [lambda region: [region], _regions])

    def _judged(
        self, image: Pyramid, box: Box, ways: list[Callable[[Region], Iterable[Region]]]
    ) -> tuple[Mesh, float] | None:
        looks = [self._look(image, box, detect, distance) for detect in self._detectors for distance in _DISTANCES]
        score = sum(look.score for look in looks if look) / len(looks)
        if score < _MEAN_SCORE:
            return None
        boxes = [box, *filter(None, looks)]
        six = np.median([b.points for b in boxes], axis=0)
        for regions_of in ways:
            regions = [region for b in (box, max(boxes[1:], key=lambda b: b.score)) for region in regions_of(b.region)]
            presence, region = self._best(image, regions, six, box.side)
            if region:
                return self._mesh(image, region), score * presence
        return None

    def _best(self, image: Pyramid, regions: list[Region], six: np.ndarray, side: float) -> tuple[float, Region | None]:
        """Of the regions whose mesh the network believes in, the one that agrees best with the detectors' points."""
        meshes = [self._mesh(image, region, closer=False) for region in regions]
        presence = np.array([mesh.presence for mesh in meshes])
        away = np.array([disagreement(mesh.points, six, side) for mesh in meshes])
        best = int(np.argmin(np.where(presence >= 0.9 * presence.max(), away, np.inf)))
        good = presence.max() >= _PRESENCE and away[best] <= _DISAGREEMENT
        return meshes[best].presence, regions[best] if good else None

    def _look(self, image: Pyramid, box: Box, detect: BoxDetector, distance: float) -> Box | None:
        """The best box at the place of a box, seen from a distance."""
        region = replace(box.region, side=box.region.side * distance)
        same = [b for b in detect(image, region, _LEAST_LOOK) if b.same_place(box)]
        return max(same, key=lambda b: b.score, default=None)


def disagreement(points: np.ndarray, six: np.ndarray, side: float) -> float:
    """Mean distance of mesh points (468, 2 or 3) from a detector's points (6, 2), in sides of the face's box."""
    return float(np.linalg.norm(_six(points) - six, axis=1).mean() / side)


def expected_box(points: np.ndarray, score: float) -> Box:
    """What a detector should have said of a face with these points (468, 2)."""
    region = around(points)
    return Box(score, np.array([region.x, region.y]), region.side / MARGIN, _six(points))


def _six(points: np.ndarray) -> np.ndarray:
    """(6, 2) the mesh points that mean the same as a detector's."""
    return points[_SIX, :2].mean(1)


def _regions(region: Region) -> Iterator[Region]:
    """A region, smaller and larger, shifted to either side."""
    along = np.array([np.cos(region.angle), np.sin(region.angle)]) * region.side
    for side in _SIDES:
        for shift in _SHIFTS:
            x, y = np.array([region.x, region.y]) + shift * along
            yield Region(float(x), float(y), side * region.side, region.angle)
