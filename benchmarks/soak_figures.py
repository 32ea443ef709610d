"""What a soak's samples say, and what of it is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

#: Seconds of a long run that are left out of the memory's slope: until then caches fill. Of a short one, a quarter.
WARM_UP = 300.0
#: Minutes from which a run is judged as a long one.
LONG = 30.0
#: Samples that a slope is made from at most: what it costs grows by the square.
_MOST = 2000


@dataclass(frozen=True)
class Limits:
    """What a run may show. slope: of a process's memory, MB an hour; growth: MB that a measurement may be off; handles,
    threads: more at the end than at a tenth of the time; drift: of the median latency, in parts; recovery: seconds from
    a killed process's restart to its first message."""

    slope: float
    growth: float
    handles: int
    threads: int
    drift: float
    recovery: float

    @classmethod
    def of(cls, minutes: float) -> Limits:
        """For a run of that length.

        Long: 5 MB an hour are 0.8 GB in a week, a slope that a node restarted weekly survives; handles and threads may
        differ by what DDS opens for a viewer who comes (6 of the one, 2 of the other); 15 % is what the machine's own
        clock and neighbours make of a median. Short: the memory of a loop's scenes and busy neighbours show more than a
        leak of 5 MB an hour, yet a leak of 0.1 MB, of a handle or of a thread a frame is beyond the limits in a minute.
        Neighbours that take all cores make a median ten times as late, and a start take 20 s (seen at a load of 18).
        """
        if minutes >= LONG:
            return cls(slope=5.0, growth=5.0, handles=6, threads=2, drift=0.15, recovery=3.0)
        return cls(slope=5.0, growth=30.0, handles=20, threads=8, drift=9.0, recovery=60.0)


@dataclass(frozen=True)
class Verdict:
    """A line of the report. value and limit: in the same unit; ok: whether the value is within the limit."""

    what: str
    value: float
    limit: float
    unit: str
    note: str = ""

    @property
    def ok(self) -> bool:
        return bool(self.value <= self.limit)  # NaN, nothing measured, is not

    def __str__(self) -> str:
        said = f"{self.what:<44}{self.value:>9.4g} {self.unit:<9} limit {self.limit:.4g}"
        return f"{'ok  ' if self.ok else 'FAIL'} {said}{f'   {self.note}' * bool(self.note)}"


@dataclass(frozen=True)
class Course:
    """A process over the time. seconds: (N,) since the start; memory: (N,) MB of its own; handles, threads: (N,)."""

    seconds: np.ndarray
    memory: np.ndarray
    handles: np.ndarray
    threads: np.ndarray


def warm_up(duration: float) -> float:
    """Seconds that are left out of a slope, of a run of so many seconds."""
    return min(WARM_UP, duration / 4)


def slope(seconds: np.ndarray, values: np.ndarray) -> float:
    """The median of the slopes between all pairs of samples (Theil-Sen), a second; NaN of fewer than two samples."""
    if len(seconds) < 2:
        return float("nan")
    some = np.linspace(0, len(seconds) - 1, min(len(seconds), _MOST)).round().astype(int)
    return float(theilslopes(np.asarray(values)[some], np.asarray(seconds)[some])[0])


def of_process(name: str, course: Course, duration: float, limits: Limits) -> list[Verdict]:
    """Memory, handles and threads of a process that ran for `duration` seconds."""
    begin = warm_up(duration)
    warm = course.seconds >= begin
    hours = (duration - begin) / 3600
    rise = 3600 * slope(course.seconds[warm], course.memory[warm])
    ends = f"{_median(course.memory[warm][:5]):.0f} -> {_median(course.memory[-5:]):.0f} MB after {begin / 60:.1f} min"
    verdicts = [Verdict(f"{name}: memory", rise, limits.slope + limits.growth / hours, "MB/h", ends)]
    for what, counts, most in (
        ("handles", course.handles, limits.handles),
        ("threads", course.threads, limits.threads),
    ):
        before, after = _about(course.seconds, counts, 0.1 * duration), _about(course.seconds, counts, duration)
        verdicts.append(Verdict(f"{name}: {what} more", after - before, most, "", f"{before:.0f} -> {after:.0f}"))
    return verdicts


def of_latency(topic: str, arrivals: np.ndarray, ages: np.ndarray, duration: float, limits: Limits) -> list[Verdict]:
    """How a topic's latency drifts. arrivals: (N,) seconds since the start; ages: (N,) milliseconds."""
    first, last = ages[arrivals < duration / 4], ages[arrivals >= 0.75 * duration]
    before, after = _median(first), _median(last)
    note = f"median {before:.0f} -> {after:.0f} ms, {len(ages) / duration:.1f}/s"
    return [Verdict(f"{topic}: latency's drift", 100 * (after / before - 1), 100 * limits.drift, "%", note)]


def of_kills(seconds: Sequence[float], topic: str, limits: Limits, goal: float = 3.0) -> list[Verdict]:
    """How soon messages come again. seconds: from each restart to the first message; inf where none came."""
    if not len(seconds):
        return []
    within = sum(each <= goal for each in seconds)
    note = f"median {np.median(seconds):.2f}; {within} of {len(seconds)} within {goal:g} s"
    return [Verdict(f"{topic} after a kill: slowest", max(seconds), limits.recovery, "s", note)]


def _about(seconds: np.ndarray, values: np.ndarray, when: float) -> float:
    """The median of the five samples nearest to a time."""
    return _median(values[np.argsort(np.abs(seconds - when), kind="stable")[:5]])


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")
