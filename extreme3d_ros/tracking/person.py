"""Whose face it may be: sightings of one frame, and the persons who are or were in view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection.boxes import overlap
from extreme3d_ros.tracking.appearance import Look, Memory
from extreme3d_ros.tracking.motion import Motion

#: Faces whose points lie nearer to each other than this part of their side are one: crossing faces end so.
_ONE = 0.25
#: Faces less than so many sides apart may cover each other in part.
_NEAR = 1.3
#: A look more unlike the person than this is a stranger's: of the pairs of one rendered head, from other sides, by
#: other cameras, none is (benchmarks/looks.py). A face that goes on where the person's was may have fallen into shade.
_STRANGER = 0.14
_ANOTHER = 2 * _STRANGER
#: A face goes on that was followed, or is within so many sides of where it should be, at most so many seconds later.
_THERE, _JUST = 0.25, 0.5
#: A look this like the person, as 95 % of theirs are, is remembered even where other faces are near.
_LIKE = 0.1
#: How far a face may stray from where it was expected, in its sides, and how much it may grow, as a logarithm; and how
#: much more for each second that it was out of sight.
_REACH, _REACH_RATE, _GROWTH, _GROWTH_RATE = 0.6, 2.0, 0.4, 1.0
#: So many careful looks in a row that see no face prove that there is none.
_DOUBTS = 2
#: What place and size count in a claim beside the colours.
_PLACE, _SIZE = 0.5, 0.25
#: Whoever was first seen less than so many seconds ago claims so much less than others: a face that came back half
#: covered may have been taken for a new one.
_NEW, _LATER = 1.0, 0.6


@dataclass
class Sighting:
    """score: the detector's; 0 where it was not asked or does not agree: then it is nobody new. followers: who was
    expected here."""

    face: Face
    score: float = 0.0
    followers: list[Person] = field(default_factory=list)

    @property
    def side(self) -> float:
        """The longer side of the face's box, pixels."""
        return max(self.face.bbox[2:])

    @property
    def new(self) -> bool:
        """Whether it may be somebody's who was never seen: a detector is sure of it."""
        return self.score > 0 and not self.followers

    def overlap(self, other: Sighting) -> float:
        """How much of the smaller box lies in the other one, 0..1."""
        return overlap(self.face.bbox, other.face.bbox)

    def near(self, other: Sighting) -> bool:
        """Whether one may cover a part of the other: hair and hats are larger than faces."""
        apart = np.linalg.norm(self.face.points.mean(0) - other.face.points.mean(0))
        return bool(apart < _NEAR * max(self.side, other.side))

    def is_one_with(self, other: Sighting) -> bool:
        """Whether both are of the same pixels."""
        apart = np.linalg.norm(self.face.points - other.face.points, axis=1).mean()
        return bool(apart < _ONE * min(self.side, other.side))


class Person:
    """id: their own; face: the newest; seen, sure: stamps (seconds) of when it was seen, and of when a detector last
    saw it too; doubts: how many careful looks in a row did not."""

    def __init__(self, identity: str, sighting: Sighting, look: Look, stamp: float):
        self.id, self.face, self.seen, self.sure, self.doubts = identity, sighting.face, stamp, stamp, 0
        self.motion = Motion(sighting.face.points, stamp)
        self._since = stamp
        self._score = sighting.score
        self._memory = Memory(look)

    @property
    def disproved(self) -> bool:
        """Whether what was followed was no face; only a detector's word makes it one again."""
        return self.doubts >= _DOUBTS

    def claim(self, sighting: Sighting, look: Look, stamp: float) -> float:
        """How little a sighting suits the person, from 0; infinite where it is not theirs."""
        followed, away = self in sighting.followers, stamp - self.seen
        goes_on = followed or (away <= _JUST and self.motion.far(sighting.face.points, stamp, _THERE) < 1)
        colours = self._memory.unlike(look) / (_ANOTHER if goes_on else _STRANGER)
        place = self.motion.far(sighting.face.points, stamp, _REACH + _REACH_RATE * away)
        size = abs(np.log(sighting.side / self.motion.side)) / (_GROWTH + _GROWTH_RATE * away)
        if colours >= 1 or (self.disproved and not sighting.score) or (not followed and max(place, size) >= 1):
            return np.inf
        return float(colours + _PLACE * place + _SIZE * size + _LATER * (stamp - self._since < _NEW))

    def saw(self, sighting: Sighting, look: Look, stamp: float, alone: bool) -> None:
        """The sighting is the person's. alone: no other face is near."""
        self.seen = stamp
        self.motion.saw(sighting.face.points, stamp)
        if sighting.score:
            self._score, self.sure, self.doubts = sighting.score, stamp, 0
        self.face = replace(sighting.face, score=self._score)
        if alone or self._memory.unlike(look) < _LIKE:
            self._memory.add(look)


def distinct(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Sightings with those of the same pixels made one."""
    kept: list[Sighting] = []
    for sighting in sightings:
        same = next((other for other in kept if other.is_one_with(sighting)), None)
        if same is None:
            kept.append(sighting)
        else:
            same.followers += sighting.followers
            same.score = max(same.score, sighting.score)
    return kept
