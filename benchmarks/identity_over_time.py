"""What many frames of one person tell of the shape: rendered films (a talking head that turns to either side, or keeps
looking ahead, while a hand passes) of heads that nothing was learned from; and how steady a still head is.

    .venv/bin/python -m benchmarks.identity_over_time --films FOLDER [--count 10] [--first 1500000] [--json]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from benchmarks.command import add_films, figures_parser, seeds_of, tell
from benchmarks.film_records import Film, Recorder, View
from benchmarks.scan_to_mesh import ToMesh
from extreme3d_ros.face_model.identity_filter import IdentityFilter, ShapeEvidence

#: How many frames have been seen.
AFTER = 1, 5, 15
#: Frames of a still head before its steadiness is measured.
_SETTLED = 5
#: Persons whose stillness is filmed.
_STILL = 5


def _averaged(views: list[View]) -> np.ndarray:
    return np.mean([view.fit.shape for view in views], axis=0)


def _by_confidence(views: list[View]) -> np.ndarray:
    """One weight for each view: how much it tells in all (Deng et al., S2)."""
    weights = np.array([np.trace(view.evidence.information) for view in views])
    return np.average([view.fit.shape for view in views], axis=0, weights=weights)


def _by_element(views: list[View]) -> np.ndarray:
    """A weight for each coefficient of each view (Deng et al., Eq. 7)."""
    weights = np.array([np.diag(view.evidence.information) for view in views])
    shapes = np.array([view.fit.shape for view in views])
    return (weights * shapes).sum(0) / np.maximum(weights.sum(0), 1e-9)


def _independent(views: list[View]) -> np.ndarray:
    """The information filter, each frame taken for news."""
    information = np.eye(len(views[0].fit.shape)) + sum(view.evidence.information for view in views)
    return np.linalg.solve(information, sum(view.evidence.vector for view in views))


def _diagonal(views: list[View]) -> np.ndarray:
    """Ours, with what each view says of each coefficient alone."""
    return _filtered(views, _of_each).mean


def _ours(views: list[View]) -> np.ndarray:
    return _filtered(views).mean


def _of_each(evidence: ShapeEvidence) -> ShapeEvidence:
    """Each coefficient's own information, whatever the others are."""
    one = np.eye(len(evidence.vector))
    covariance = np.linalg.inv(evidence.information + one)
    own = 1 / np.diag(covariance)
    return ShapeEvidence(np.diag(own - 1), own * (covariance @ evidence.vector))


def _filtered(views: list[View], change: Callable = lambda evidence: evidence) -> IdentityFilter:
    person = IdentityFilter(len(views[0].fit.shape))
    for view in views:
        person.add(change(view.evidence), view.direction, view.score)
    return person


WEIGHTINGS: dict[str, Callable[[list[View]], np.ndarray]] = {
    "plain averaging": _averaged,
    "one confidence a view": _by_confidence,
    "one confidence a coefficient": _by_element,
    "information, frames independent": _independent,
    "information of directions, element by element": _diagonal,
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


def unsteadiness(film: Film, recorder: Recorder) -> dict[str, tuple[float, float]]:
    """RMS of the vertices' acceleration, mm a frame squared: frame by frame, and with the person's shape."""
    vertices, person = recorder.films.heads.model.vertices, IdentityFilter(len(film.views[0].fit.shape))
    meshes: dict = defaultdict(lambda: ([], []))
    for view in film.views:
        person.add(view.evidence, view.direction, view.score)
        for side, fit in enumerate((view.fit, view.fit.given(person.mean))):
            face = vertices(fit.shape, fit.expression)
            meshes["the neutral face"][side].append(vertices(fit.shape, np.zeros(0)))
            meshes["with expression, model frame"][side].append(face)
            meshes["posed, camera frame"][side].append(face @ fit.R.T + fit.t)
    return {name: tuple(_acceleration(side[_SETTLED:]) for side in sides) for name, sides in meshes.items()}


def _acceleration(meshes) -> float:
    return float(np.sqrt((np.diff(np.asarray(meshes), 2, axis=0) ** 2).sum(-1).mean()) * 1e3)


def measure(recorder: Recorder, seeds: range) -> dict:
    """All figures, of the persons of the seeds."""
    distance, films = Distance(recorder), {}
    result: dict = {"errors_mm": {}}
    for name in ("sweep", "frontal"):
        films[name] = [recorder(seed, name, n) for n, seed in enumerate(seeds)]
        each = [errors(film, distance) for film in films[name]]
        result["errors_mm"][name] = {
            way: {after: float(np.mean([one[way][after] for one in each])) for after in AFTER} for way in each[0]
        }
    steady = [unsteadiness(recorder(seed, "still", n), recorder) for n, seed in enumerate(seeds[:_STILL])]
    result["acceleration_mm"] = {name: np.mean([one[name] for one in steady], axis=0).tolist() for name in steady[0]}
    return result


def table(measured: dict) -> str:
    """The figures as markdown."""
    lines = [
        "| neutral face, mm | " + " | ".join(f"{film}, {n}" for film in measured["errors_mm"] for n in AFTER) + " |"
    ]
    lines.append("|---" * (1 + len(AFTER) * len(measured["errors_mm"])) + "|")
    for way in next(iter(measured["errors_mm"].values())):
        row = [film[way][n] for film in measured["errors_mm"].values() for n in AFTER]
        lines.append(f"| {way} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    lines += ["", "| still head, mm a frame squared | frame by frame | the person's shape |", "|---|---|---|"]
    for name, (own, steady) in measured["acceleration_mm"].items():
        lines.append(f"| {name} | {own:.3f} | {steady:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("identity_over_time", __doc__)
    add_films(parser, count=10, first=1_500_000)
    arguments = parser.parse_args()
    tell(arguments, measure(Recorder(arguments.films), seeds_of(arguments)), table)


if __name__ == "__main__":
    main()
