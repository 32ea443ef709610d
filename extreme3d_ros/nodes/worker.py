"""The queue between a node's callbacks and its work: one place for each of those who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestWorker(Generic[Item]):
    """A thread that works on the newest thing it was given; what is overtaken before its turn is dropped and counted.

    Things of different keys don't overtake each other: the keys take turns, so that none starves. `work` must not
    raise.
    """

    def __init__(self, work: Callable[[Item], None], name: str):
        self.dropped = 0
        self._work = work
        self._changed = threading.Condition()
        self._waiting: dict[str, Item] = {}  # whose turn comes first stands first
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def give(self, item: Item, key: str = "") -> None:
        """Puts an item in the place of the one of its key that waits."""
        with self._changed:
            self.dropped += key in self._waiting
            self._waiting[key] = item
            self._changed.notify()

    def close(self, timeout: float = 10.0) -> None:
        """Ends the thread after the item it is at; what waits is left. A thread that doesn't end in time is let be."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                item = self._waiting.pop(next(iter(self._waiting)))
            self._work(item)
