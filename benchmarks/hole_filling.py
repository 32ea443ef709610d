"""How near filled holes come to the bump that was there: rendered persons covered by things, and photographs.

    .venv/bin/python -m benchmarks.hole_filling [--count 12] [--faces-dev] [--json]

A face is seen clear and covered. Its bump when clear is what filling should find again; beside the ways of filling
stand leaving what the thing looks like, zero, OpenCV's inpainting, and the mirrored half alone. The person's own skin
is of a second ago (the head turned by up to 12 degrees, less of the expression), or of another day (another expression,
view and light). "2D" is the paper's registration: the nearest view of a second ago is laid on by a similarity of
landmarks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import cv2
import numpy as np

from benchmarks.bump import HELD_OUT
from benchmarks.clocks import milliseconds
from benchmarks.command import add_count, add_faces_dev, figures_parser, in_processes, markdown, tell
from benchmarks.covered_faces import AGO, DAY, KINDS, Covered, Persons, blotted
from benchmarks.faces_dev import FOLDER
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.poisson import blend
from extreme3d_ros.records import HIDDEN, NOT_FACE, VISIBLE, Layers, Observation
from extreme3d_ros.references.default import DEFAULT_REFERENCES
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.person import Person
from extreme3d_ros.references.viewpoint import direction_of
from extreme3d_ros.stages.bump import ShapeFromShading
from extreme3d_ros.stages.hole_filling import HoleFilling
from extreme3d_ros.stages.layers import layered

WAYS = ("left", "zero", "telea", "navier-stokes", "mirror", "strangers", DAY, "2D", AGO)
_FIRST = HELD_OUT + 500_000
#: Times are medians of so many runs.
_RUNS = 7


class Bench:
    """Everything a process needs."""

    def __init__(self):
        self.model = load_face_model()
        self.persons, self._shading = Persons(self.model), ShapeFromShading()
        gallery = Gallery(DEFAULT_REFERENCES)
        self._ways = {
            "mirror": HoleFilling(self.model, order=("mirror",)),
            "strangers": HoleFilling(self.model, gallery, order=("reference", "mirror")),
            "person": HoleFilling(self.model, gallery),
        }

    def person(self, views: list[Observation]) -> Person:
        """What views show of one person."""
        person = Person()
        for seen in views:
            skin = self._ways["person"].own_skin(seen.crop, seen.foundation, seen.layers, seen.surface)
            person.add(skin, direction_of(seen.foundation))
        return person

    def filled(self, case: Covered, moments: dict[str, list[Observation]]) -> dict[str, np.ndarray]:
        """The bump map (512, 512) metres by every way."""
        return {name: make() for name, make in self.ways(case, moments).items()}

    def ways(self, case: Covered, moments: dict[str, list[Observation]]) -> dict[str, Callable[[], np.ndarray]]:
        """What makes the bump map (512, 512) metres, by name."""
        seen, hole = case.clear, case.hole
        labels = np.where(hole & (seen.layers.occlusion != NOT_FACE), np.uint8(HIDDEN), seen.layers.occlusion)
        layers = layered(seen.layers.bump, labels)
        crop = replace(seen.crop, image=case.image)
        everywhere = np.where(labels == HIDDEN, np.uint8(VISIBLE), labels)

        def by(way: str, person: Person | None = None) -> np.ndarray:
            return self._ways[way](crop, seen.foundation, layers, seen.surface, person).bump

        made = {
            "left": partial(self._shading, crop, seen.surface, everywhere),
            "zero": lambda: np.where(hole, 0, layers.bump),
            "telea": partial(inpainted, seen.layers.bump, hole, cv2.INPAINT_TELEA),
            "navier-stokes": partial(inpainted, seen.layers.bump, hole, cv2.INPAINT_NS),
            "mirror": partial(by, "mirror"),
            "strangers": partial(by, "strangers"),
        }
        made |= {name: partial(by, "person", self.person(views)) for name, views in moments.items()}
        if moments.get(AGO):
            made["2D"] = partial(self._in_2d, seen, layers, hole, moments[AGO])
        return made

    def _in_2d(self, seen: Observation, layers: Layers, hole: np.ndarray, views: list[Observation]) -> np.ndarray:
        """The nearest view's bump laid on the crop by the similarity of the 68 landmarks, and blended in."""
        direction = direction_of(seen.foundation)
        near = max(views, key=lambda view: direction_of(view.foundation) @ direction)
        there, here = (
            view.crop.camera.project(self.model.landmarks68.on(self.model.faces, view.foundation.vertices))
            for view in (near, seen)
        )
        s, R, t = similarity(there, here)
        known = (near.layers.occlusion == VISIBLE).astype(np.float32)
        turn = np.column_stack([s * R, t])
        bump, known = (cv2.warpAffine(of, turn, known.shape) for of in (near.layers.bump, known))
        donor = np.where(known > 0.99, bump, np.float32(np.nan))
        return blend(layers.bump, donor, hole, (layers.occlusion == VISIBLE) & ~hole, 12.0)

    def errors(self, case: Covered, moments: dict[str, list[Observation]]) -> dict[str, float]:
        """l1_*: mean mm off the clear face's bump in the hole; angle_*: mean degrees between the normals."""
        seen, made = case.clear, self.filled(case, moments)
        inside = case.hole & (seen.layers.occlusion == VISIBLE) & (seen.surface.facing > 0.3)
        found = {f"l1_{name}": 1e3 * np.abs(bump - seen.layers.bump)[inside].mean() for name, bump in made.items()}
        normals = {name: surface_normals(seen, bump) for name, bump in (made | {"true": seen.layers.bump}).items()}
        for name in made:
            cosine = np.sum(normals[name][inside] * normals["true"][inside], axis=1)
            found[f"angle_{name}"] = np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()
        return {name: float(value) for name, value in found.items()}


def inpainted(bump: np.ndarray, hole: np.ndarray, method: int) -> np.ndarray:
    """OpenCV's, on 16-bit levels of a micrometre."""
    levels = np.clip(np.rint(bump * 1e6) + 32768, 0, 65535).astype(np.uint16)
    return ((cv2.inpaint(levels, hole.astype(np.uint8), 5, method).astype(np.float32) - 32768) * 1e-6).astype(
        np.float32
    )


def surface_normals(seen: Observation, bump: np.ndarray) -> np.ndarray:
    """(512, 512, 3) unit, of the foundation with a bump; 0 off it."""
    covered = seen.surface.raster.covered
    vertices, faces, pixels = depth_mesh(seen.surface.raster.depth - bump, covered, seen.crop.camera)
    out = np.zeros((*covered.shape, 3), np.float32)
    out[pixels[:, 1], pixels[:, 0]] = vertex_normals(vertices, faces)
    return out


_bench = lru_cache(1)(Bench)


def _job(seed: int):
    bench = _bench()
    moments = bench.persons.moments(seed)
    cases = {kind: bench.persons.covered(seed, kind) for kind in KINDS}
    return [(kind, bench.errors(case, moments)) for kind, case in cases.items() if case is not None]


def measure(count: int) -> dict:
    """{kind: {figure: mean over `count` rendered persons}}."""
    return _means(in_processes(_job, range(_FIRST, _FIRST + count)))


def measure_photographs() -> dict:
    """The same of photographs of clear faces, covered by blobs; nobody's other moments are known."""
    bench, found = Bench(), []
    for path in sorted(FOLDER.glob("[0-9][0-9].png")):
        clear = bench.persons.seen(cv2.imread(str(path)))
        if clear is None or clear.layers.occluded_fraction > 0.1:
            continue
        cases = [blotted(clear, seed) for seed in range(3)]
        found.append([("blob", bench.errors(case, {})) for case in cases if case is not None])
    return _means(found)


def times() -> dict[str, float]:
    """Milliseconds of the processor in which each way fills the holes of a rendered person behind dark glasses."""
    bench = _bench()
    seed, case = next((n, case) for n in range(_FIRST, _FIRST + 99) if (case := bench.persons.covered(n, KINDS[0])))
    calls = bench.ways(case, bench.persons.moments(seed))
    return milliseconds({name: calls[name] for name in WAYS if name in calls}, _RUNS)


def _means(found) -> dict:
    values: dict = defaultdict(list)
    for of_one in found:
        for kind, figures in of_one:
            for name, value in figures.items():
                values[kind, name].append(value)
    kinds = dict.fromkeys(kind for kind, _ in values)
    return {
        kind: {name: float(np.nanmean(of)) for (of_kind, name), of in values.items() if of_kind == kind}
        | {"cases": len(values[kind, "l1_zero"])}
        for kind in kinds
    }


def table(measured: dict) -> str:
    """The figures as markdown."""
    errors, spent = measured["errors"], measured["ms"]
    lines = []
    for figure, label in (("l1", "mm off"), ("angle", "degrees off")):
        for kind, of in errors.items():
            shown = [of.get(f"{figure}_{way}") for way in WAYS]
            cells = ("" if value is None else f"{value:.3g}" for value in shown)
            lines.append([label, f"{kind} ({of['cases']})", *cells])
    times = ", ".join(f"{way} {ms:.1f}" for way, ms in spent.items())
    return f"{markdown(['', '', *WAYS], lines)}\n\nprocessor ms, dark glasses: {times}"


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("hole_filling", __doc__)
    add_count(parser, 12, "rendered persons")
    add_faces_dev(parser)
    arguments = parser.parse_args()
    errors = measure_photographs() if arguments.faces_dev else measure(arguments.count)
    tell(arguments, {"errors": errors, "ms": times()}, table)


if __name__ == "__main__":
    main()
