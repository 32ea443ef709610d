"""An engine that can be exchanged while it is in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

import numpy as np

from extreme3d_ros.engines.engine import Engine, EngineError


class SwitchingEngine:
    """Runs one engine, and after a failure of the GPU or on command another one; never in the middle of a call.

    degraded: why it isn't the one that was wanted; empty while it is.
    """

    def __init__(self, engine: Engine, spare: Callable[[], Engine], warn: Callable[[str], object], degraded: str = ""):
        """spare: makes the engine that takes over where this one fails; warn: told so, in one line."""
        self._engine, self._spare, self._warn, self._lock = engine, spare, warn, Lock()
        self.degraded = degraded

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """As the engine. Where the GPU fails, the spare one answers, now and from now on."""
        with self._lock:
            try:
                return self._engine(**inputs)
            except EngineError as error:
                if self.degraded:  # it is the spare one already
                    raise
                self._replace(self._spare(), str(error))
                return self._engine(**inputs)

    def switch(self, engine: Engine) -> None:
        """From the next call on takes another engine."""
        with self._lock:
            self._replace(engine, "")

    def degrade(self, reason: str) -> None:
        """Stays with what it has, for a reason."""
        with self._lock:
            self._replace(self._engine, reason)

    def close(self) -> None:
        """Closes the engine that it has."""
        with self._lock:
            self._engine.close()

    @property
    def shapes(self) -> Mapping[str, tuple]:
        """The engine's."""
        return self._engine.shapes

    @property
    def outputs(self) -> tuple[str, ...]:
        """The engine's."""
        return self._engine.outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        """The engine's."""
        return self._engine.metadata

    @property
    def about(self) -> str:
        """The engine's."""
        return self._engine.about

    def _replace(self, engine: Engine, reason: str) -> None:
        old, self._engine, self.degraded = self._engine, engine, reason
        if reason:
            self._warn(f"{reason}; the network runs by {engine.about} instead")
        if old is not engine:
            old.close()
