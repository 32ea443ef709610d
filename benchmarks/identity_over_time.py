"""What many frames of one person tell of the shape: rendered films (a talking head that turns to either side, or keeps
looking ahead, while a hand passes) of heads that nothing was learned from.

    .venv/bin/python -m benchmarks.identity_over_time --films FOLDER [--count 10] [--first 1500000] [--json]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from benchmarks.command import add_films, figures_parser, markdown, seeds_of, tell
from benchmarks.film_records import Film, Recorder, View
from benchmarks.scan_to_mesh import ToMesh
from extreme3d_ros.face_model.identity_filter import IdentityFilter

#: How many frames have been seen.
AFTER = 1, 5, 15


def _averaged(views: list[View]) -> np.ndarray:
    return np.mean([view.fit.shape for view in views], axis=0)


def _by_element(views: list[View]) -> np.ndarray:
    """A weight for each coefficient of each view (Deng et al., Eq. 7)."""
    weights = np.array([np.diag(view.evidence.information) for view in views])
    shapes = np.array([view.fit.shape for view in views])
    return (weights * shapes).sum(0) / np.maximum(weights.sum(0), 1e-9)


def _independent(views: list[View]) -> np.ndarray:
    """The information filter, each frame taken for news."""
    information = np.eye(len(views[0].fit.shape)) + sum(view.evidence.information for view in views)
    return np.linalg.solve(information, sum(view.evidence.vector for view in views))


def _ours(views: list[View]) -> np.ndarray:
    person = IdentityFilter(len(views[0].fit.shape))
    for view in views:
        person.add(view.evidence, view.direction, view.score)
    return person.mean


WEIGHTINGS: dict[str, Callable[[list[View]], np.ndarray]] = {
    "plain averaging": _averaged,
    "one confidence a coefficient": _by_element,
    "information, frames independent": _independent,
    "**ours: information of directions**": _ours,
}


class Distance:
    """Median millimetres from a true neutral face to the model's of a shape, as benchmarks.foundation measures."""

    def __init__(self, recorder: Recorder):
        self._model, self._to_mesh = recorder.films.heads.model, ToMesh(recorder.films.heads)

    def __call__(self, neutral: np.ndarray, shape: np.ndarray) -> float:
        return self._to_mesh(self._to_mesh.scanned(neutral), self._model.vertices(shape, np.zeros(0)))


def errors(film: Film, distance: Distance) -> dict[str, dict[int, float]]:
    """{weighting: {frames seen: mm}}; "single frames" are the mean over the frames seen."""
    found: dict = defaultdict(dict)
    single = [distance(film.neutral, view.fit.shape) for view in film.views[: max(AFTER)]]
    for count in AFTER:
        found["single frames, mean"][count] = float(np.mean(single[:count]))
        for name, shape_of in WEIGHTINGS.items():
            found[name][count] = distance(film.neutral, shape_of(film.views[:count]))
    found["the mean face"] = dict.fromkeys(AFTER, distance(film.neutral, np.zeros_like(film.views[0].fit.shape)))
    return found


def measure(recorder: Recorder, seeds: range) -> dict:
    """{"errors_mm": {film: `errors`, means over the persons of the seeds}}."""
    distance, result = Distance(recorder), {}
    for name in ("sweep", "frontal"):
        each = [errors(recorder(seed, name, n), distance) for n, seed in enumerate(seeds)]
        result[name] = {
            way: {after: float(np.mean([one[way][after] for one in each])) for after in AFTER} for way in each[0]
        }
    return {"errors_mm": result}


def table(measured: dict) -> str:
    """The figures as markdown."""
    films = measured["errors_mm"]
    head = ["neutral face, mm", *(f"{film}, {n}" for film in films for n in AFTER)]
    ways = next(iter(films.values()))
    return markdown(head, ([way, *(f"{of[way][n]:.3f}" for of in films.values() for n in AFTER)] for way in ways))


def main() -> None:
    """Prints the table."""
    parser = figures_parser("identity_over_time", __doc__)
    add_films(parser, count=10, first=1_500_000)
    arguments = parser.parse_args()
    tell(arguments, measure(Recorder(arguments.films), seeds_of(arguments)), table)


if __name__ == "__main__":
    main()
