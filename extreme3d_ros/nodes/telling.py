"""Errors as lines in the log: each kind soon, none often."""

from __future__ import annotations

import threading
import time
import traceback
from pathlib import Path

from extreme3d_ros.errors import Extreme3DError

#: Seconds until an error of a kind is told again.
_PERIOD = 60.0
#: Characters of an error that nobody foresaw: some quote whole arrays.
_LONGEST = 300


def line_of(error: Exception) -> str:
    """What to tell of an error: its own words where they are made for users, else what its makers need to know."""
    if isinstance(error, Extreme3DError):
        return str(error)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"please report this: {said[:_LONGEST]} ({_place(error)})"


class Rarely:
    """Whether an error is to be told: of each kind the first, then one a minute. For several threads.

    Errors raised in one place are of one kind, whatever numbers they name. rclpy's own throttle has one clock for all
    that a line of code logs: what comes often would hide the rest.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}

    def __call__(self, error: Exception) -> bool:
        kind, now = f"{type(error).__name__} {_place(error)}", time.monotonic()
        with self._lock:
            due = now >= self._told.get(kind, -_PERIOD) + _PERIOD
            if due:
                self._told[kind] = now
            return due


def _place(error: Exception) -> str:
    """Where it was raised: file:line."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{Path(frame.f_code.co_filename).name}:{line}"
