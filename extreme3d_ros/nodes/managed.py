"""What the lifecycle nodes have in common: life cycle, parameters, diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.timer import Timer

from extreme3d_ros.errors import Extreme3DError
from extreme3d_ros.messages.diagnostics import diagnostic_array
from extreme3d_ros.nodes.settings import Setting, Settings
from extreme3d_ros.nodes.statistics import Statistics
from extreme3d_ros.nodes.telling import Rarely, line_of
from extreme3d_ros.nodes.worker import NewestWorker

#: A clock that runs on when a simulated one stands still.
STEADY = Clock(clock_type=ClockType.STEADY_TIME)


class Closable(Protocol):
    """Holds what must be given back."""

    def close(self) -> None:
        """Gives it back."""


Loaded = TypeVar("Loaded", bound=Closable)


class ManagedNode(LifecycleNode, Generic[Loaded]):
    """A lifecycle node that loads on configure, works while active, and says once a second how it fares.

    Nodes define `load`, `start` and `health`; `autostart` is among their settings. A load that fails leaves the node
    unconfigured with one line in the log; it can be configured again once the cause is mended.
    """

    _watch: Timer
    _worker: NewestWorker

    def __init__(self, name: str, settings: Sequence[Setting]):
        super().__init__(name)
        self._loaded: Loaded | None = None
        self.settings = Settings(self, settings)
        self.statistics = Statistics()
        self._phase, self._trouble = "unconfigured", ""
        self._reports = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._rarely = Rarely()
        self.create_timer(1.0, lambda: self.attempt(self._report), clock=STEADY)

    @property
    def loaded(self) -> Loaded:
        """What `load` made, while the node is configured."""
        if self._loaded is None:
            raise RuntimeError(f"{self.get_name()} is not configured")
        return self._loaded

    def load(self) -> Loaded:
        """Reads the parameters, loads models, makes publishers. May raise; then nothing of it is left."""
        raise NotImplementedError

    def start(self) -> None:
        """Begins to work: makes a `_worker`, what gives it work, and a timer `_watch`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends `_watch` and `_worker`; a node first ends what gives it work."""
        self.destroy_timer(self._watch)
        self._worker.close()

    def unload(self) -> None:
        """Frees what `load` made; nothing happens the second time."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.close()

    def health(self) -> tuple[bytes, str, dict[str, object]]:
        """Level, one line and values for the diagnostics of the active node."""
        raise NotImplementedError

    def autostart(self) -> None:
        """Configures and activates, if the parameter says so."""
        if self.settings["autostart"] and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def attempt(self, work: Callable[[], None], failed: str = "skipped") -> None:
        """Runs what may fail in one frame and not in the next: what it raises is counted as `failed`, and becomes a
        line in the log, though not in every frame."""
        try:
            work()
        except Exception as error:
            self.statistics.count(failed)
            # At shutdown publishers end before the workers.
            if self.context.ok() and self._rarely(error):
                log = self.get_logger()
                (log.warning if isinstance(error, Extreme3DError) else log.error)(f"{failed}: {line_of(error)}")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self._loaded = self.load()
        except Exception as error:  # a broken installation too leaves a node that can tell so
            self._fail(error)
            return TransitionCallbackReturn.FAILURE
        self._phase, self._trouble, self.settings.fixed = "inactive", "", True
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        try:
            self.start()
        except Exception as error:  # rclpy would say nothing
            self._fail(error)
            return TransitionCallbackReturn.ERROR
        self._phase = "active"
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._end_work()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        self._phase = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        return super().on_error(state)

    def close(self) -> None:
        """Ends the work and frees everything; nothing happens the second time."""
        self._end_work()
        self._phase, self.settings.fixed = "unconfigured", False
        self.unload()

    def _fail(self, error: Exception) -> None:
        self._trouble = line_of(error)
        self.get_logger().error(self._trouble)

    def _end_work(self) -> None:
        if self._phase == "active":
            self._phase = "inactive"
            self.stop()

    def _report(self) -> None:
        if self._phase == "active":
            level, line, values = self.health()
        else:
            level = DiagnosticStatus.ERROR if self._trouble else DiagnosticStatus.WARN
            line, values = f"{self._phase}: {self._trouble}".rstrip(": "), {}
        name = self.get_fully_qualified_name().lstrip("/")
        stamp = self.get_clock().now().to_msg()
        self._reports.publish(diagnostic_array(stamp, name, level, line, values | self.statistics.values()))
