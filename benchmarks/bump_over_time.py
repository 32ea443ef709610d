"""What blending over time does to the bump map: rendered films of heads that nothing was learned from (a still one, one
that turns by 20 degrees a second, a talking one, and a still one that a hand passes), single frames beside blended.
The shape is the person's, poses are those of single frames.

    .venv/bin/python -m benchmarks.bump_over_time --films FOLDER [--count 3] [--first 1700000] [--json]
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.bump import angle
from benchmarks.bump_films import FILMS, Shot, Shots
from benchmarks.command import add_films, figures_parser, markdown, seeds_of, tell
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.identity_filter import IdentityFilter
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import VISIBLE, Frame, Layers, Observation
from extreme3d_ros.stages.bump_memory import BumpMemory
from extreme3d_ros.stages.unwrapping import Unwrapping
from training.bump.renders import Seen
from training.bump.truth import truth_of

#: Frames seen when the surface is measured.
AFTER = 1, 5, 15, 30
#: Frames seen before flicker is.
_SETTLED = 5
_WAYS = "single", "blended"


class Bench:
    """Everything that films are measured with."""

    def __init__(self, folder: Path):
        self._model, self._shots = load_face_model(), Shots(folder)
        self._fast, self._unwrapping = FastPath(self._model), Unwrapping(self._model)

    def __call__(self, seed: int, name: str, n: int) -> dict[str, dict[str, float]]:
        """Figures of a film of FILMS, of the n-th person: {way: {figure: value}}. angle_*: degrees between the normals
        and the true ones after so many frames; flicker: rms in mm of what changes from frame to frame on the same skin;
        ms: processor time of blending."""
        found: dict = {way: defaultdict(list) for way in _WAYS}
        memory, before = BumpMemory(self._unwrapping), {}
        for number, (shot, seen) in enumerate(self._road(self._shots(seed, name, n)), 1):
            start = time.thread_time()
            blended = memory(seen.crop, seen.foundation, seen.coefficients.expression, seen.surface, seen.layers)
            found["blended"]["ms"].append(1e3 * (time.thread_time() - start))
            for way, layers in zip(_WAYS, (seen.layers, blended)):
                skin = self._skin(seen, layers)
                if number > _SETTLED:
                    found[way]["flicker"].append(_mean_square(skin - before[way]))
                before[way] = skin
            if number in AFTER:
                for way, degrees in zip(_WAYS, self._angles(shot, seen, (seen.layers, blended))):
                    found[way][f"angle_{number}"] = [degrees]
        return {way: {figure: _summary(figure, values) for figure, values in found[way].items()} for way in _WAYS}

    def _road(self, shots: Iterator[Shot]) -> Iterator[tuple[Shot, Observation]]:
        person = IdentityFilter(len(self._model.shape_modes))
        for shot in shots:
            for seen in self._fast(Frame(shot.image, shot.camera), refine=person.refine):
                yield shot, seen

    def _skin(self, seen: Observation, layers: Layers) -> np.ndarray:
        visible = layers.occlusion == VISIBLE
        return self._unwrapping(seen.foundation, seen.crop, seen.surface, layers.bump, visible)

    def _angles(self, shot: Shot, seen: Observation, layers: tuple[Layers, ...]) -> list[float]:
        truth = truth_of(shot, self._model, seen.crop, seen.foundation, seen.surface)
        known = truth.mask & np.isfinite(truth.bump)
        where = (seen.layers.occlusion == VISIBLE) & known & (seen.surface.facing > 0.3)
        whole = Seen(seen.crop, seen.foundation, seen.surface, truth)
        return [angle(whole, each.bump, where) for each in layers]


def _mean_square(values) -> float:
    return float(np.nanmean(values.astype(np.float64) ** 2))


def _summary(figure: str, values: list[float]) -> float:
    if figure == "ms":
        return float(np.median(values))
    return 1e3 * float(np.sqrt(np.mean(values))) if figure == "flicker" else float(np.mean(values))


def measure(folder: Path, seeds: range) -> dict:
    """{film: {way: {figure: mean over the persons of the seeds}}}."""
    bench, result = Bench(folder), {}
    for name in FILMS:
        persons = [bench(seed, name, n) for n, seed in enumerate(seeds)]
        result[name] = {
            way: {
                figure: float(np.mean([person[way][figure] for person in persons if figure in person[way]]))
                for figure in persons[0][way]
            }
            for way in _WAYS
        }
    return result


def table(measured: dict) -> str:
    """The figures as markdown."""
    columns = [(film, way) for film in measured for way in _WAYS]
    rows = [(f"angle_{n}", f"normals, degrees off the truth, frame {n}", 2) for n in AFTER]
    lines = []
    for figure, label, digits in [*rows, ("flicker", "flicker, mm rms", 4), ("ms", "processor time, ms", 1)]:
        values = [measured[film][way].get(figure) for film, way in columns]
        lines.append([label, *("" if v is None else f"{v:.{digits}f}" for v in values)])
    return markdown(["", *(f"{film}, {way}" for film, way in columns)], lines)


def main() -> None:
    """Prints the table."""
    parser = figures_parser("bump_over_time", __doc__)
    add_films(parser, count=3, first=1_700_000)
    arguments = parser.parse_args()
    tell(arguments, measure(arguments.films, seeds_of(arguments)), table)


if __name__ == "__main__":
    main()
