"""How near the side that is turned away comes to the truth, how it joins the side that is seen, by several ways of soft
symmetry, and how long they take.

    .venv/bin/python -m benchmarks.soft_symmetry [--count 6] [--json]

Rendered heads with known details all round. Cases: the bump network's bump, where the face is found; and faces that are
exactly known, the true face with known details, their bump the difference of depths: mirrored from the seen side
("symmetric"), as they were drawn on either side ("own"), and mirrored, with the foundation turned off its face by 2
degrees ("turned"). Ways: the cross-fade (cross_fade.py), the Poisson solve (the package's), and the paper's procedure,
plainly: a hard cut and one sparse least-squares solve per axis over all vertices of the sparse mesh, then Eq. 10.
Creases: angles between neighbouring triangles where seen passes into unseen, over the true mesh's.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from benchmarks.command import add_count, figures_parser, markdown, tell
from benchmarks.distance import MeshDistance
from benchmarks.symmetry_cases import FOUND, KNOWN, Case, Cases
from benchmarks.symmetry_creases import Creases
from benchmarks.symmetry_growth import time_table, times
from benchmarks.symmetry_ways import WAYS, own_surface, ways
from extreme3d_ros.geometry.normals import vertex_normals

YAWS = (0, 30, 45, 60, 75)
#: Those from 1,700,000 on were looked at while the constants of stages/soft_symmetry.py were chosen.
FIRST = 1_710_000
#: Distances are measured from every so manyth hidden vertex.
_THINNED = 24


class Bench:
    """The cases, the ways and what they are measured by."""

    def __init__(self):
        self.cases = Cases()
        self._dense = self.cases.dense
        self._ways = {"foundation": lambda case: own_surface(case, self._dense)[0]} | ways(
            self.cases.model, self._dense
        )
        self._creases = Creases(self._dense, self.cases.skin)

    def __call__(self, case: Case) -> dict[str, np.ndarray]:
        """{way, "truth": (mm, degrees, 99th percentile of the creases' degrees, their mean)}.

        mm: mean distance of the true points of the side turned away to the mesh; degrees: between normals there.
        """
        across = self._creases.across(case)
        found = {"truth": np.array([0, 0, *self._creases.degrees(case.truth, across)])}
        for way, make in self._ways.items():
            vertices = make(case).astype(np.float32)
            found[way] = np.array([*self._errors(case, vertices), *self._creases.degrees(vertices, across)])
        return found

    def _errors(self, case, vertices):
        hidden, faces = self.cases.hidden(case), self._dense.faces
        normals = vertex_normals(case.truth, faces)[hidden]
        cosine = np.sum(vertex_normals(vertices, faces)[hidden] * normals, axis=1)
        distance = MeshDistance(vertices, faces)(case.truth[hidden][::_THINNED])[0]
        return 1e3 * distance.mean(), np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()


def measure(bench: Bench, count: int) -> list[dict]:
    """A row for each case, yaw and way, from means over the persons of whom there is that case; `of` so many."""
    found = defaultdict(list)
    for seed in range(FIRST, FIRST + count):
        for yaw in YAWS:
            for name, case in bench.cases(seed, yaw).items():
                found[name, yaw].append(bench(case))
    rows = []
    for name in (FOUND, *KNOWN):
        for yaw in YAWS:
            made = found[name, yaw]
            row = {"case": name, "yaw": yaw, "found": len(made), "of": count}
            rows += [row | figures for figures in _figures(made)] if made else [row]
    return rows


def _figures(made):
    means = {way: np.mean([of[way] for of in made], axis=0) for way in made[0]}
    for way, (mm, degrees, crease99, crease) in means.items():
        over = np.array([mm, degrees]) / means["foundation"][:2]
        figures = {"mm": mm, "degrees": degrees, "mm_ratio": over[0], "degrees_ratio": over[1]}
        figures |= {"crease99": crease99, "crease": crease}
        figures |= {"crease99_ratio": crease99 / means["truth"][2], "crease_ratio": crease / means["truth"][3]}
        yield {"way": way} | {k: float(v) for k, v in figures.items()}


def table(rows: list[dict], unit: tuple[str, str], of_all: str, ways: tuple[str, ...]) -> str:
    """Markdown: the figures `unit` of the way `of_all`, and of the `ways` as parts of it."""
    lines = []
    for name, yaw in dict.fromkeys((row["case"], row["yaw"]) for row in rows):
        of = {row.get("way"): row for row in rows if (row["case"], row["yaw"]) == (name, yaw)}
        some = next(iter(of.values()))
        cells = [""] * (1 + len(ways))
        if some["found"]:
            cells = [f"{of[of_all][unit[0]]:.3f}, {of[of_all][unit[1]]:.2f}"]
            cells += [f"{of[way][unit[0] + '_ratio']:.2f} {of[way][unit[1] + '_ratio']:.2f}" for way in ways]
        lines.append([name, str(yaw), f"{some['found']} of {some['of']}", *cells])
    return markdown(["case", "yaw", "found", of_all, *ways], lines)


def tables(measured: dict) -> str:
    """All figures as markdown."""
    rows = measured["errors"]
    return "\n\n".join(
        [
            "The side turned away, mm and degrees between normals; the ways as parts of the foundation's:",
            table(rows, ("mm", "degrees"), "foundation", WAYS),
            "Creases of the transition, degrees, 99th percentile and mean; as parts of the true face's there:",
            table(rows, ("crease99", "crease"), "truth", ("foundation", *WAYS)),
            "Milliseconds of one core:",
            time_table(measured["times"]),
        ]
    )


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("soft_symmetry", __doc__)
    add_count(parser, 6, "rendered persons")
    arguments = parser.parse_args()
    bench = Bench()
    rows, spent = measure(bench, arguments.count), times(bench.cases, FIRST)
    tell(arguments, {"errors": rows, "times": spent}, tables)


if __name__ == "__main__":
    main()
