"""Who is who from frame to frame.

What is seen (watch.py) is dealt out to whom it suits best by place, size and colours (person.py); those whom nothing
suits are missing for a while, then forgotten. As in SORT and its successors, but with points and their colours for
boxes.
"""

from __future__ import annotations

import random
from string import ascii_lowercase

import numpy as np

from extreme3d_ros.records import Tracked
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.tracking.appearance import Look, look_at
from extreme3d_ros.tracking.choice import Choice
from extreme3d_ros.tracking.person import Person, Sighting
from extreme3d_ros.tracking.watch import Watch

#: Who is out of view may come back for so many seconds; after a leap in time of more nobody is known.
_KEPT = 3.0
#: Of two faces that cover more than this of the smaller one, only one is seen.
_COVERED = 0.5
#: Stands for infinity in a matching, which must be finite.
_NEVER = 1e3


class Tracker:
    """Faces of successive frames of one camera."""

    _stamp: float | None
    _present: list[Person]
    _missing: list[Person]
    _watch: Watch
    _choice: Choice

    def __init__(self, detection: Detection):
        self._detection = detection
        self._given: set[str] = set()
        self._forget()

    @property
    def known(self) -> set[str]:
        """The ids of those who are in view or may come back."""
        return {person.id for person in self._present + self._missing}

    def __call__(self, image: np.ndarray, stamp: float, max_faces: int = 1) -> list[Tracked]:
        """The faces at work, the chosen one first, at most max_faces; an empty list where there is none.

        image: (H, W, 3) uint8, BGR; stamp: seconds. Where time falls, or leaps by more than 3 s, all are forgotten.
        """
        if self._stamp is not None and not 0 <= stamp - self._stamp <= _KEPT:
            self._forget()
        self._stamp = stamp
        pyramid = Pyramid(image)
        sightings = self._watch(pyramid, self._present, self._missing, stamp)
        looks = [look_at(pyramid, sighting.face.points) for sighting in sightings]
        self._deal(sightings, looks, stamp)
        faces = {person.id: person.face for person in self._present}
        sizes = {person.id: person.motion.side for person in self._present}
        return [Tracked(each, faces[each]) for each in self._choice(sizes, stamp, max_faces)]

    def _forget(self) -> None:
        self._stamp, self._present, self._missing = None, [], []
        self._watch, self._choice = Watch(self._detection), Choice()

    def _deal(self, sightings: list[Sighting], looks: list[Look], stamp: float) -> None:
        """Every sighting to the person that it is of: a known one, or a new one if a detector saw it."""
        persons = self._present + self._missing
        owners = self._owners(persons, sightings, looks, stamp)
        waited_for = len(owners) < len(persons)
        present: list[Person] = []
        shown: list[Sighting] = []
        for n, person in owners + [(n, None) for n in set(range(len(sightings))) - {n for n, _ in owners}]:
            sighting = sightings[n]
            if any(sighting.overlap(other) > _COVERED for other in shown):
                continue
            alone = not any(sighting.near(other) for other in sightings if other is not sighting)
            if person:
                person.saw(sighting, looks[n], stamp, alone)
            elif sighting.new and (alone or not waited_for):
                person = Person(self._new_id(), sighting, looks[n], stamp)
            else:
                continue
            present.append(person)
            shown.append(sighting)
        self._present = present
        self._missing = [each for each in persons if each not in present and stamp - each.seen <= _KEPT]

    def _owners(self, persons, sightings, looks, stamp) -> list[tuple[int, Person]]:
        """(n, the person whom the n-th sighting is of), the surest first; without those that are no known one's."""
        if not persons or not sightings:
            return []
        # Imported here: it takes 0.1 s, and in the first frame nobody is known.
        from scipy.optimize import linear_sum_assignment

        claims = np.array([[p.claim(s, look, stamp) for s, look in zip(sightings, looks)] for p in persons])
        rows, columns = linear_sum_assignment(np.minimum(claims, _NEVER))
        pairs = sorted(zip(rows, columns), key=lambda pair: claims[pair])
        return [(int(n), persons[row]) for row, n in pairs if np.isfinite(claims[row, n])]

    def _new_id(self) -> str:
        """Not given before."""
        while (identity := "".join(random.choices(ascii_lowercase, k=5))) in self._given:
            pass
        self._given.add(identity)
        return identity
