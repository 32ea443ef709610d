"""Who it is, from bump maps alone (the paper's Table 1): rendered persons, clear, covered, and filled.

    .venv/bin/python -m benchmarks.recognition [--count 40] [--json]

Every person is enrolled by the skins of other days (another expression, view and light). A probe is the nearest of them
if it is that person's: the paper's rank-1 rate. Skins are compared where both are known, less the strangers' mean.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

import numpy as np

from benchmarks.bump import HELD_OUT
from benchmarks.command import add_count, figures_parser, in_processes, markdown, tell
from benchmarks.covered_faces import AGO, DAY, KINDS, Covered
from benchmarks.hole_filling import Bench
from extreme3d_ros.records import VISIBLE
from extreme3d_ros.stages.unwrapping import Unwrapping

_FIRST = HELD_OUT + 600_000
#: What a probe is: the bump when nothing hides the face, what the thing looks like, nothing in its place, and what is
#: filled in from strangers, and from what was seen of the person a second ago.
WAYS = ("clear", "left", "zero", "strangers", AGO)


@lru_cache(1)
def _bench() -> tuple[Bench, Unwrapping]:
    bench = Bench()
    return bench, Unwrapping(bench.model)


def _job(seed: int) -> tuple[np.ndarray | None, list[tuple[str, str, np.ndarray]]]:
    """The person's enrolled skin (S, S), and the skins of probes with their kinds and ways."""
    bench, unwrap = _bench()
    moments = bench.persons.moments(seed)
    probes = []
    for kind in KINDS:
        case = bench.persons.covered(seed, kind)
        if case is None:
            continue
        made = bench.filled(case, moments) | {"clear": case.clear.layers.bump}
        probes += [(kind, way, _skin(unwrap, case, made[way])) for way in WAYS]
    enrolled = bench.person(moments[DAY]).skin_for(np.array([0.0, 0.0, 1.0]))
    return enrolled, probes


def _skin(unwrap: Unwrapping, case: Covered, bump: np.ndarray) -> np.ndarray:
    seen = case.clear
    return unwrap(seen.foundation, seen.crop, seen.surface, bump, seen.layers.occlusion == VISIBLE)


def likeness(probe: np.ndarray, enrolled: np.ndarray) -> float:
    """The cosine of two skins (S, S) where both are known."""
    both = np.isfinite(probe) & np.isfinite(enrolled)
    a, b = probe[both], enrolled[both]
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))


def measure(count: int) -> dict:
    """{kind: {way: rank-1 rate}}, of probes among all enrolled persons."""
    found = list(in_processes(_job, range(_FIRST, _FIRST + count)))
    enrolled = {person: skin for person, (skin, _) in enumerate(found) if skin is not None}
    mean = np.nanmean(list(enrolled.values()), axis=0)
    hits: dict = defaultdict(list)
    for person in enrolled:
        for kind, way, skin in found[person][1]:
            likest = max(enrolled, key=lambda other: likeness(skin - mean, enrolled[other] - mean))
            hits[kind, way].append(likest == person)
    kinds = dict.fromkeys(kind for kind, _ in hits)
    rates = {kind: {way: float(np.mean(hits[kind, way])) for way in WAYS} for kind in kinds}
    rates["all"] = {way: float(np.mean(np.concatenate([hits[kind, way] for kind in kinds]))) for way in WAYS}
    return rates


def table(rates: dict) -> str:
    """The rates as markdown."""
    rows = ([kind, *(f"{100 * of[way]:.0f}" for way in WAYS)] for kind, of in rates.items())
    return markdown(["rank 1, %", *WAYS], rows)


def main() -> None:
    """Prints the table."""
    parser = figures_parser("recognition", __doc__)
    add_count(parser, 40, "rendered persons")
    arguments = parser.parse_args()
    tell(arguments, measure(arguments.count), table)


if __name__ == "__main__":
    main()
