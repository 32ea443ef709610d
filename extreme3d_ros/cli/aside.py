"""Work beside the work, on another core."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Aside:
    """Runs jobs in a thread, in their order, one at a time: a further one waits for the one before, so that they cannot
    pile up. What a job raises comes out of the next call, or of the end of the block."""

    def __init__(self):
        self._pool = ThreadPoolExecutor(1)
        self._job: Future | None = None

    def __call__(self, job: Callable[[], object]) -> None:
        self._wait()
        self._job = self._pool.submit(job)

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._pool.shutdown()

    def _wait(self) -> None:
        if self._job is not None:
            self._job.result()
