"""Ctrl-C as a wish to come to an end, not as an exception amidst the work."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C does nothing but make the given function answer True; a second one is a
    KeyboardInterrupt as ever."""
    asked = False

    def note(*_) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
