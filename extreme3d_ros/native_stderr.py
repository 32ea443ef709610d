"""What native libraries print past Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Lets nothing through to stderr: on a user's terminal what libraries print there would bury our one line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with native_stderr_into(nowhere):
            yield
    finally:
        os.close(nowhere)


@contextmanager
def native_stderr_into(descriptor: int) -> Iterator[None]:
    """Has all that is printed to stderr go to an open file; where there is no stderr it goes nowhere as ever."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
