"""What the batches of every network have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np

#: Files of renders that are kept out of training, to measure on.
_HELD_OUT_FILES = 3


def split(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files to train on, and those to measure on: the last ones."""
    return files[:-_HELD_OUT_FILES], files[-_HELD_OUT_FILES:]


class SampleBatches:
    """Samples by their rows, stacked. An heir's `_plain(row)` and `_varied(row, rng)` give the arrays of one."""

    def plain(self, rows) -> tuple[np.ndarray, ...]:
        """As the runtime has them."""
        return self._stacked(self._plain(row) for row in rows)

    def varied(self, rows, rng) -> tuple[np.ndarray, ...]:
        """Changed at random."""
        return self._stacked(self._varied(row, rng) for row in rows)

    @staticmethod
    def _stacked(samples):
        return tuple(np.stack(part) for part in zip(*samples, strict=True))
