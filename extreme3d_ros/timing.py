"""How long the road's stages take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    """Adds the milliseconds that a block takes to `timings`, under its stage's name."""
    start = time.perf_counter()
    yield
    timings[stage] = (time.perf_counter() - start) * 1e3
