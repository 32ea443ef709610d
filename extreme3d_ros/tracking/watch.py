"""What the networks are asked in a frame, given who is in view and who is missing.

Each face in view is followed: one pass of the mesh network. A glance of the short-range detector sees newcomers and
those who come back; it is thrown now and then, and in every frame while somebody is missing or nobody in view. What
takes longer is rationed: doubtful boxes, faces that the detector does not confirm, the search of an empty image.
"""

from __future__ import annotations

import numpy as np

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.tracking.person import Person, Sighting, distinct

#: Seconds from one closer look to the next, and for which a face is believed in that no detector sees.
_PERIOD, _BELIEVED = 0.4, 1.0
#: Doubtful boxes, and of those who are missing the last, that are looked at in every frame.
_GUESSES = 2


class Watch:
    """Asks for the faces of successive frames."""

    def __init__(self, detection: Detection):
        self._detection = detection
        self._next = -np.inf

    def __call__(self, image: Pyramid, present: list[Person], missing: list[Person], stamp: float) -> list[Sighting]:
        """The distinct faces. present: who was in view in the frame before; missing: who else may come back."""
        sightings = self._followed(image, present, stamp)
        followers = [person for sighting in sightings for person in sighting.followers]
        lost = [person for person in present if person not in followers]
        closer = bool(lost) or stamp >= self._next
        if sightings and not missing and not closer:
            return sightings
        glance = self._detection.glance(image, [sighting.face for sighting in sightings])
        for sighting, score in zip(sightings, glance.plain):
            sighting.score = score
        sightings += [Sighting(face, face.score) for face in glance.faces]
        gone = lost + missing
        sightings += [Sighting(face) for face in self._guesses(image, sightings, glance.doubtful, gone, stamp)]
        if closer:
            self._next = stamp + _PERIOD
            sightings = self._confirmed(image, sightings, stamp)
            if sightings:
                found = self._detection.stare(image, glance.doubtful) + self._again(image, sightings, gone)
            else:
                found = self._again(image, [], gone) or self._detection.search(image)
            sightings += [Sighting(face, face.score) for face in found]
        return distinct(sightings)

    def _followed(self, image: Pyramid, present: list[Person], stamp: float) -> list[Sighting]:
        faces = [(person, self._detection.follow(image, person.motion.expected(stamp))) for person in present]
        return distinct(Sighting(face, followers=[person]) for person, face in faces if face)

    def _confirmed(self, image: Pyramid, sightings: list[Sighting], stamp: float) -> list[Sighting]:
        """The sightings without one that proves to be no face; asked is of the one unconfirmed for the longest."""
        unsure = [each for each in sightings if each.followers and not each.score and stamp - _sure(each) > _BELIEVED]
        if not unsure:
            return sightings
        oldest = min(unsure, key=_sure)
        face = self._detection.again(image, oldest.face)
        if face:
            oldest.score = face.score
            return sightings
        for person in oldest.followers:
            person.doubts += 1
        disproved = all(person.disproved for person in oldest.followers)
        return [each for each in sightings if not (disproved and each is oldest)]

    def _guesses(self, image, sightings, doubtful, missing, stamp) -> list[Face]:
        """Faces, on the word of the mesh network, that may be of the missing by their colours: in doubtful boxes, and
        where the last of them were."""
        if not missing:
            return []
        believed = [person for person in _uncovered(missing, sightings) if not person.disproved]
        last = sorted(believed, key=lambda person: -person.seen)[:_GUESSES]
        faces = [self._detection.guess(image, box) for box in doubtful[:_GUESSES]]
        faces += [self._detection.follow(image, person.motion.expected(stamp)) for person in last]
        return [face for face in faces if face]

    def _again(self, image: Pyramid, sightings: list[Sighting], missing: list[Person]) -> list[Face]:
        """Who was out of sight the shortest, if still there for a careful look."""
        hidden = _uncovered(missing, sightings)
        if not hidden:
            return []
        face = self._detection.again(image, max(hidden, key=lambda person: person.seen).face)
        return [face] if face else []


def _uncovered(missing: list[Person], sightings: list[Sighting]) -> list[Person]:
    """Those in whose place no other face is now."""
    return [p for p in missing if not any(each.overlap(Sighting(p.face)) > 0 for each in sightings)]


def _sure(sighting: Sighting) -> float:
    """When a detector last saw the face."""
    return max(person.sure for person in sighting.followers)
