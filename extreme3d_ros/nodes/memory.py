"""One heap for all threads of a node."""

from __future__ import annotations

import contextlib
import ctypes

_M_ARENA_MAX = -8  # malloc.h of the GNU C library


def keep_one_heap() -> None:
    """Has the C library serve all threads from one heap; others than GNU's have one anyway.

    By default each thread gets its own. A node's large arrays are made by one thread and freed by another, so that
    there is room to spare in each. Python's lock lets threads allocate one after another as it is. Has an effect only
    before threads are started.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
