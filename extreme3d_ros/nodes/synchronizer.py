"""Messages of equal stamp, brought together while still serialized."""

from __future__ import annotations

from collections.abc import Iterable

from extreme3d_ros.messages.stamps import STAMP_END, stamp_of


class StampSynchronizer:
    """Collects one serialized message per topic; complete sets of equal stamp come out, in order.

    Incomplete sets that are older than a complete one, or more than `capacity`, are dropped and counted. "Older" is by
    arrival: stamps run backwards when a recording starts anew.
    """

    def __init__(self, topics: Iterable[str], capacity: int = 4):
        self.dropped = 0
        self._topics = frozenset(topics)
        self._capacity = capacity
        self._sets: dict[tuple[int, int], dict[str, bytes]] = {}  # in order of arrival

    def add(self, topic: str, serialized: bytes) -> dict[str, bytes] | None:
        """Takes a message; returns the set that it completes. One that is too short for a stamp is dropped."""
        if len(serialized) < STAMP_END:
            self.dropped += 1
            return None
        stamp = stamp_of(serialized)
        messages = self._sets.setdefault(stamp, {})
        messages[topic] = serialized
        if messages.keys() == self._topics:
            self._drop_before(stamp)
            return self._sets.pop(stamp)
        if len(self._sets) > self._capacity:
            self._sets.pop(next(iter(self._sets)))
            self.dropped += 1
        return None

    def _drop_before(self, stamp: tuple[int, int]) -> None:
        while (oldest := next(iter(self._sets))) != stamp:
            del self._sets[oldest]
            self.dropped += 1
