"""Which of the faces in view are at work, and which of them is the chosen one; neither flips."""

from __future__ import annotations

import numpy as np

#: A face takes another's seat when it is so much larger, by sizes that follow the true ones this slowly (seconds). A
#: newcomer's grows from nothing: one twice as large as the chosen face is chosen after 0.7 s.
_LARGER, _SLOWLY = 1.25, 0.7
#: A face out of view keeps its seat for so many seconds: who is covered for a moment isn't left for another.
_HELD = 1.0


class Choice:
    """The seats of the faces at work, the chosen one's first."""

    def __init__(self):
        self._seats: list[str] = []
        self._sizes: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._stamp: float | None = None

    def __call__(self, sizes: dict[str, float], stamp: float, seats: int) -> list[str]:
        """The ids at work that are in view. sizes: of the faces in view by their ids; stamp: seconds, not falling."""
        self._weigh(sizes, stamp)
        self._seats = [each for each in self._seats if stamp - self._seen.get(each, -np.inf) <= _HELD][:seats]
        standing = sorted(set(sizes) - set(self._seats), key=lambda each: -sizes[each])
        while standing and len(self._seats) < seats:
            self._seats.append(standing.pop(0))
        self._challenge(standing)
        return [each for each in self._seats if each in sizes]

    def _weigh(self, sizes: dict[str, float], stamp: float) -> None:
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        part = 1 - np.exp(-elapsed / _SLOWLY)
        for each, size in sizes.items():
            before = self._sizes.get(each, 0.0)
            self._sizes[each] = before + part * (size - before)
            self._seen[each] = stamp
        for each in [each for each, seen in self._seen.items() if stamp - seen > _HELD]:
            del self._seen[each], self._sizes[each]

    def _challenge(self, standing: list[str]) -> None:
        """For every seat: the largest of those behind it takes it where that one is clearly larger."""
        row = self._seats + standing
        for place in range(len(self._seats)):
            largest = max(row[place:], key=self._sizes.__getitem__)
            if self._sizes[largest] > _LARGER * self._sizes[row[place]]:
                row.remove(largest)
                row.insert(place, largest)
        self._seats = row[: len(self._seats)]
