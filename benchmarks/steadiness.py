"""How steady pose and expression are over rendered films of known truth, and what that costs: how far they trail, how
far the mesh slides off the picture, and how wrong it is.

    .venv/bin/python -m benchmarks.steadiness --films FOLDER [--count 5] [--first 1500000] [--json]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar
from scipy.signal import savgol_filter
from scipy.spatial.transform import Rotation

from benchmarks.command import add_films, figures_parser, markdown, seeds_of, tell
from benchmarks.film_records import Film, Recorder, View
from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.identity_filter import IdentityFilter
from extreme3d_ros.face_model.steadiness import Steadiness

STILL = "held", "lit", "covered"
#: What moves in a film.
MOVING = {
    "turning": "rotation",
    "turning, 15 Hz": "rotation",
    "shaking": "rotation",
    "swaying": "position",
    "talking": "expression",
}
#: Steadied or not.
_WHEN = "before", "after"
#: Frames before anything is measured, and the most by which something may trail.
_SETTLED, _MOST_LAG = 5, 3.0
#: Frames of which noise is smoothed away before a lag is looked for.
_WINDOW = 7
#: Every how many vertices are looked at where all would say the same.
_EVERY = 20


@dataclass(frozen=True)
class Course:
    """What of a film is known, or found, after the first frames. times: (N,) frames; R (N, 3, 3), t (N, 3), local:
    (N, V, 3) the face in the head's frame, and posed in the camera's; metres."""

    times: np.ndarray
    R: np.ndarray
    t: np.ndarray
    local: np.ndarray

    @cached_property
    def posed(self) -> np.ndarray:
        return self.local @ self.R.transpose(0, 2, 1) + self.t[:, None]

    @cached_property
    def rotation(self) -> np.ndarray:
        """(N, 9), smooth."""
        return self.R.reshape(-1, 9)

    def acceleration(self) -> float:
        """RMS over the vertices, mm a frame squared; of frames that follow each other."""
        follow = (np.diff(self.times)[:-1] == 1) & (np.diff(self.times)[1:] == 1)
        return 1e3 * _rms(np.diff(self.posed, 2, axis=0)[follow])

    def coordinates(self) -> dict[str, np.ndarray]:
        """(N, D) of each kind."""
        return {
            "position": self.t,
            "rotation": self.rotation,
            "expression": self.local[:, ::_EVERY].reshape(len(self.t), -1),
        }


def courses(film: Film, recorder: Recorder, every: int = 1) -> dict[str, Course]:
    """Of every so many-th frame: the truth, single frames, with the person's shape, and steadied."""
    views = [view for view in film.views if view.instant.grain % every == 0]
    truths = [recorder.films.truth(film.seed, view.instant) for view in views]
    poses = {"truth": [(truth.R, truth.t, (truth.vertices - truth.t) @ truth.R) for truth in truths]}
    model = recorder.films.heads.model
    for name, fits in _fits(views).items():
        poses[name] = [(fit.R, fit.t, model.vertices(fit.shape, fit.expression)) for fit in fits]
    times = np.array([view.instant.grain / every for view in views])
    kept = times >= _SETTLED
    return {name: Course(times[kept], *(np.array(c)[kept] for c in zip(*found))) for name, found in poses.items()}


def _fits(views: list[View]) -> dict[str, list]:
    person, steadiness = IdentityFilter(len(views[0].fit.shape)), Steadiness()
    fits: dict[str, list] = {"single": [], "before": [], "after": []}
    for view in views:
        person.add(view.evidence, view.direction, view.score)
        given = view.fit.given(person.mean)
        for name, fit in zip(fits, (view.fit, given, steadiness(given, view.instant.time))):
            fits[name].append(fit)
    return fits


def lag(after: np.ndarray, before: np.ndarray, times: np.ndarray) -> float:
    """By how many frames the course after (N, D) is best shifted to lie on the one before, whose noise is smoothed away
    to either side: noise would be taken for motion. times: (N,) frames."""
    spline = CubicSpline(times, savgol_filter(before, _WINDOW, 3, axis=0))

    def left(shift: float) -> float:
        inside = (times - shift >= times[0]) & (times - shift <= times[-1])
        off = (after - spline(times - shift))[inside]
        return float(((off - off.mean(0)) ** 2).mean())

    return float(minimize_scalar(left, bounds=(-_MOST_LAG, _MOST_LAG), method="bounded").x)


def errors(found: Course, truth: Course) -> dict[str, float]:
    """RMS from the truth: place and vertices in mm, rotation in degrees; and how much of it changes over the film."""
    off = {"place": 1e3 * (found.t - truth.t), "vertices": 1e3 * (found.posed - truth.posed)[:, ::_EVERY]}
    off["rotation"] = np.degrees(Rotation.from_matrix(found.R @ truth.R.transpose(0, 2, 1)).as_rotvec())
    changing = {f"{name}, changing": _rms(each - each.mean(0)) for name, each in off.items()}
    return {name: _rms(each) for name, each in off.items()} | changing


def _rms(vectors: np.ndarray) -> float:
    """Of the lengths of vectors (..., 3)."""
    return float(np.sqrt((vectors**2).sum(-1).mean()))


def slide(before: Course, after: Course, camera: Camera) -> float:
    """RMS of the pixels between the vertices of two courses."""
    return _rms(camera.project(after.posed[:, ::_EVERY]) - camera.project(before.posed[:, ::_EVERY]))


def measure_film(film: Film, recorder: Recorder, every: int = 1) -> dict[str, float]:
    """All figures of one film."""
    found = courses(film, recorder, every)
    truth = found.pop("truth")
    result = {f"acceleration, {name}": course.acceleration() for name, course in found.items()}
    for name in _WHEN:
        result |= {f"{what}, {name}": value for what, value in errors(found[name], truth).items()}
    before, after = (found[name].coordinates() for name in _WHEN)
    result |= {f"lag of {what}": lag(after[what], before[what], truth.times) for what in after}
    return result | {"pixels": slide(found["before"], found["after"], film.camera)}


def blinks(film: Film) -> float:
    """What is left of how far the eyes close: the change of the expression along the one before."""
    fits, closed = _fits(film.views), np.array([view.instant.blink == 1 for view in film.views])
    before, after = (np.array([fit.expression for fit in fits[name]], float) for name in _WHEN)
    rest = np.median(before, axis=0)
    return float(((after - rest)[closed] * (before - rest)[closed]).sum() / ((before - rest)[closed] ** 2).sum())


def measure(recorder: Recorder, seeds: range) -> dict[str, list[dict[str, float]]]:
    """The figures of each person of the seeds, by film."""
    result = {}
    for name in (*STILL, *MOVING, "blinking"):
        kind, _, half = name.partition(", ")
        films = [recorder(seed, kind, n) for n, seed in enumerate(seeds)]
        result[name] = [measure_film(film, recorder, 2 if half else 1) for film in films]
    result["blinks"] = [{"left": blinks(film)} for film in films]
    return result


def table(measured: dict[str, list[dict[str, float]]]) -> str:
    """The means as markdown."""
    still, moving = [], []
    for film in STILL:
        single, before, after = (_each(measured[film], f"acceleration, {name}") for name in ("single", *_WHEN))
        less = f"{before.mean() / after.mean():.1f} ({(before / after).min():.1f})"
        still.append([film, *(f"{value.mean():.3f}" for value in (single, before, after)), less])
    for film, kind in MOVING.items():
        behind, pixels = (_each(measured[film], what) for what in (f"lag of {kind}", "pixels"))
        moving.append([film, kind, f"{behind.mean():.2f}", f"{behind.max():.2f}", f"{pixels.mean():.2f}"])
    kinds = {"place": "place, mm", "rotation": "rotation, degrees", "vertices": "vertices, mm"}
    wrong = [
        [film, *(f"{_change(of, kind)} ({_change(of, f'{kind}, changing')})" for kind in kinds)]
        for film, of in measured.items()
        if film != "blinks"
    ]
    head = ["mm a frame squared", "single frames", "the person's shape", "steadied", "times less (worst person)"]
    tables = [
        markdown(head, still),
        markdown(["frames behind", "", "mean", "worst person", "pixels off"], moving),
        markdown(["RMS error (what changes of it), before → after", *kinds.values()], wrong),
    ]
    return "\n\n".join([*tables, f"Of a blink {_each(measured['blinks'], 'left').mean():.0%} is left."])


def _each(figures: list[dict[str, float]], what: str) -> np.ndarray:
    return np.array([one[what] for one in figures])


def _change(figures: list[dict[str, float]], what: str) -> str:
    return " → ".join(f"{_each(figures, f'{what}, {when}').mean():.2f}" for when in _WHEN)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("steadiness", __doc__)
    add_films(parser, count=5, first=1_500_000)
    arguments = parser.parse_args()
    tell(arguments, measure(Recorder(arguments.films), seeds_of(arguments)), table)


if __name__ == "__main__":
    main()
