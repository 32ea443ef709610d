"""The benchmarks that `python -m benchmarks` runs, and the figures of each that stand in the table.

A function has the name of the module whose JSON it makes rows of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
    """A figure of ours beside a peer's of the same run; less is better. what: the figure and its unit."""

    what: str
    ours: float
    peer: str
    theirs: float


@dataclass(frozen=True)
class Benchmark:
    """A module of this folder, what it is called with beside --json in a whole run and in a quick one (None: it has no
    part in that), and what rows its figures make."""

    rows: Callable[[dict], Iterator[Row]]
    whole: str = ""
    quick: str | None = ""


def peers(made: dict) -> Iterator[Row]:
    ms, markers = made["following"], made["markers"]
    yield Row("a face followed: its points, ms", ms["points"], "MediaPipe's graph", ms["MediaPipe's graph"])
    what = "the same, ours to foundation, labels and bump map, ms"
    yield Row(what, ms["road"], "MediaPipe's graph (its points)", ms["MediaPipe's graph"])
    what = f"Marker of {made['triangles']:,} triangles, ms"
    yield Row(what, markers["ours"], "Point objects, rclpy", markers["Point objects"])


def detection(made: dict) -> Iterator[Row]:
    views, empty, ms = made["heads"]["all"], made["faceless"], made["ms"]
    missed = [views["of"] - views[who][0] for who in ("ours", "graph")]
    yield Row(f"turned and covered heads missed, of {views['of']}", missed[0], "MediaPipe's graph", missed[1])
    yield Row(f"faces seen in {empty['of']} faceless images", empty["ours"], "MediaPipe's graph", empty["graph"])
    yield Row("a face found in a single image, ms", ms["ours"], "MediaPipe's graph", ms["graph"])


def foundation(made: dict) -> Iterator[Row]:
    def mean(condition: str, figure: str) -> float:
        return float(np.nanmean(list(made[condition][figure].values())))

    for condition in made:
        ours = mean(condition, "mesh_ours")
        what = f"foundation of the faces found, {condition}: scan-to-mesh, mm"
        yield Row(what, ours, "MediaPipe's 468-point mesh", mean(condition, "mesh_mediapipe"))
        if condition == "clear":
            yield Row(what, ours, "the mean face", mean(condition, "mesh_mean"))


def bump(made: dict) -> Iterator[Row]:
    clear = made["clear"]
    peers = {"foundation": "the foundation alone", "shading": "shape from shading", "luminance": "luminance as height"}
    for way, peer in peers.items():
        yield Row("bump map: normals, degrees off", clear["angle_network"], peer, clear[f"angle_{way}"])
    for kind in [kind for kind in made if kind != "clear"]:
        of = made[kind]
        yield Row(f"hidden by {kind}: 1 - ROC area", 1 - of["roc_network"], "skin colour", 1 - of["roc_shading"])


def hole_filling(made: dict) -> Iterator[Row]:
    errors, ms = made["errors"], made["ms"]

    def mean(way: str) -> float:
        return float(np.mean([of[f"l1_{way}"] for of in errors.values()]))

    inpainting = min(("telea", "navier-stokes"), key=mean)
    peer = f"OpenCV's inpainting ({inpainting}, the better)"
    for way in ("strangers", "a second ago"):
        lent = f"holes filled from {'the person, a second ago' if way == 'a second ago' else way}"
        yield Row(f"{lent}: mm off", mean(way), peer, mean(inpainting))
        yield Row(f"{lent}: ms", ms[way], peer, ms[inpainting])


def blending(made: dict) -> Iterator[Row]:
    holes = {row["hole"]: row["pixels"] for row in made["solvers"]}
    for hole, pixels in holes.items():
        ms = {row["solver"]: row["ms"] for row in made["solvers"] if row["hole"] == hole}
        ours = ms.pop("multigrid (ours)")
        gradients = min(("diagonal", "sine transforms"), key=ms.__getitem__)
        for solver, peer in {
            "factorisation": "SciPy's sparse LU",
            gradients: f"conjugate gradients ({gradients}, the better)",
        }.items():
            yield Row(f"blending into {hole}, {pixels:,} pixels, ms", ours, peer, ms[solver])


def soft_symmetry(made: dict) -> Iterator[Row]:
    peer = "plain least squares (Eq. 9)"
    for case, title in {"symmetric": "symmetric detail", "own": "detail of either side"}.items():
        found = {(row["yaw"], row["way"]): row for row in made["errors"] if row["case"] == case and row["found"]}
        yaws = sorted({yaw for yaw, _ in found} - {0})
        ours, theirs = (float(np.mean([found[yaw, way]["mm"] for yaw in yaws])) for way in ("poisson", "paper"))
        yield Row(f"turned side, {title}, yaw {yaws[0]} to {yaws[-1]}: mm off", ours, peer, theirs)
    times = [row for row in made["times"] if "vertices" in row]
    for vertices in dict.fromkeys(row["vertices"] for row in times):
        ms = {row["what"]: row["ms"] for row in times if row["vertices"] == vertices}
        yield Row(f"soft symmetry, {vertices:,} vertices, ms", ms["poisson"], peer + ", SciPy", ms["paper, Eq. 9"])


def recognition(made: dict) -> Iterator[Row]:
    wrong = {way: 100 * (1 - rate) for way, rate in made["all"].items()}
    what = "who it is, by bump maps: wrong, %"
    for way in ("strangers", "a second ago"):
        yield Row(f"{what}, filled from {way}", wrong[way], "covered, not filled", wrong["left"])


def identity_over_time(made: dict) -> Iterator[Row]:
    for film, ways in made["errors_mm"].items():
        ours, averaged = ways["**ours: information of directions**"], ways["plain averaging"]
        last = max(ours, key=int)
        yield Row(f"identity over {last} frames, {film}: mm off", ours[last], "plain averaging", averaged[last])


def steadiness(made: dict) -> Iterator[Row]:
    for film, title in {"held": "at rest", "lit": "in changing light", "covered": "behind a passing hand"}.items():
        single, ours = (
            float(np.mean([one[f"acceleration, {way}"] for one in made[film]])) for way in ("single", "after")
        )
        yield Row(f"unrest of a head {title}, mm a frame squared", ours, "single frames", single)


def bump_over_time(made: dict) -> Iterator[Row]:
    for film, ways in made.items():
        ours, single = ways["blended"]["flicker"], ways["single"]["flicker"]
        yield Row(f"flicker of the bump, {film}, mm", ours, "single frames", single)


def zippering(made: dict) -> Iterator[Row]:
    for yaw in dict.fromkeys(row["yaw"] for row in made["meshes"]):
        error = {row["mesh"]: row["error"] for row in made["meshes"] if row["yaw"] == yaw}
        yield Row(f"zipped mesh, yaw {yaw:.0f}: micrometres off", error["zipped"], "fixed triangles", error["fixed"])


#: Rendering takes long and is kept here, below the repository's root.
_FILMS = "--films out/films"

BENCHMARKS = {
    "peers": Benchmark(peers, quick="--rounds 10"),
    "detection": Benchmark(detection),
    "foundation": Benchmark(foundation, "--count 3", "--count 1"),
    "bump": Benchmark(bump, "--count 16", "--count 3"),
    "hole_filling": Benchmark(hole_filling, "--count 12", "--count 2"),
    "blending": Benchmark(blending),
    "soft_symmetry": Benchmark(soft_symmetry, "--count 3", "--count 1"),
    "recognition": Benchmark(recognition, "--count 20", None),
    "zippering": Benchmark(zippering, quick="--yaw 0 60 --repeat 3"),
    "identity_over_time": Benchmark(identity_over_time, f"{_FILMS} --count 3", None),
    "steadiness": Benchmark(steadiness, f"{_FILMS} --count 2", None),
    "bump_over_time": Benchmark(bump_over_time, f"{_FILMS} --count 2", None),
}
