"""Signals: Ctrl-C as a wish to come to an end, SIGTERM as an exception amidst the work."""

from __future__ import annotations

import signal
import sys
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


@contextmanager
def sigterm_unwinds() -> Iterator[None]:
    """Within, SIGTERM is a SystemExit, so that nothing half written stays; the exit status is a shell's for it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
