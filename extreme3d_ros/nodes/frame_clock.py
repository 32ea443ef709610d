"""The time of a camera's frames, for those who follow them."""

from __future__ import annotations

from builtin_interfaces.msg import Time

#: A stamp that goes on after it stood still is waited for so many seconds; farther behind, time has fallen.
_WAITED = 1.0


class FrameClock:
    """Seconds of successive frames by their stamps.

    Where a camera sets no stamps the arrivals tell the time, and where its stamp stands still they tell how time goes
    on: a filter that saw no time pass would hold the face where it was.
    """

    def __init__(self):
        self._stamp = self._since = self._told = 0.0

    def __call__(self, stamp: Time, arrival: float) -> float:
        """The time of a frame. arrival: seconds of a clock that never falls."""
        seconds = stamp.sec + stamp.nanosec * 1e-9 or arrival
        if seconds == self._stamp:
            self._told = max(self._told, seconds + arrival - self._since)
            return self._told
        waits = seconds > self._stamp and 0 < self._told - seconds < _WAITED
        self._told = self._told if waits else seconds
        self._stamp, self._since = seconds, arrival
        return self._told
