"""How near the side that is turned away comes to the truth, by several ways of soft symmetry, and how long they take.

    .venv/bin/python -m benchmarks.soft_symmetry [--count 6] [--json]

Rendered heads with known details all round. Cases: the bump network's bump; the true bump (mid-level, where the face is
seen); and faces that are the fitted foundation with known details, their bump the difference of depths: mirrored from
the seen side ("symmetric"), as they were drawn on either side ("own"), and mirrored, with the foundation turned off
its face by 2 degrees ("turned"). Ways: the cross-fade (cross_fade.py), the Poisson solve (the package's), the same on
the sparse mesh with mirrored residuals on the dense one (Eqs. 7 and 10), and the paper's procedure, plainly: a hard cut
and one sparse least-squares solve per axis over all vertices of the sparse mesh, then Eq. 10.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

from benchmarks.cross_fade import CrossFade
from extreme3d_ros import one_thread_blas  # noqa: F401  before numpy's first product
from extreme3d_ros.face_model.model import BROW, LIP, SKIN, FaceModel
from extreme3d_ros.face_model.topology import Topology, dense_topology, sparse_topology
from extreme3d_ros.face_model.twins import edge_twins
from extreme3d_ros.geometry.alignment import similarity
from extreme3d_ros.geometry.distance import MeshDistance
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.sampling import bilinear
from extreme3d_ros.geometry.subdivision import loop, unique_edges
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Foundation, Frame, Surface
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry
from extreme3d_ros.stages.surface import SurfaceRaster
from training.bump.truth import truth_of
from training.face_model.ict import SKIN_VERTICES
from training.faces.atlas import look_up
from training.faces.generator import FaceGenerator, Rendered, Wish

YAWS = (0, 30, 45, 60)
CASES = ("network", "true bump", "symmetric", "own", "turned")
WAYS = ("cross-fade", "poisson", "sparse + residuals", "paper")
#: Those from 1,700,000 on were looked at while the constants of stages/soft_symmetry.py were chosen.
_FIRST = 1_710_000
_REFLECT = np.array([-1.0, 1.0, 1.0])
#: Degrees, about the head's y and z axes, of the foundation in "turned".
_TURN = (2.0, 0.7)
#: Larger differences of depth are those of two surfaces, metres.
_BREAK = 5e-3
_RUNS = 5
#: Distances are measured from every so manyth hidden vertex.
_THINNED = 6


@dataclass(frozen=True)
class Case:
    """What soft symmetry gets, and the true face: vertices (N, 3) of the dense topology, camera frame."""

    crop: Crop
    foundation: Foundation
    bump: np.ndarray
    occlusion: np.ndarray
    surface: Surface
    truth: np.ndarray

    @property
    def given(self):
        """The arguments of a way."""
        return self.crop, self.foundation, self.bump, self.occlusion, self.surface


def own_surface(case: Case, topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    """The foundation's vertices (N, 3), and the same moved onto the detailed depth."""
    base = topology.from_foundation @ case.foundation.vertices
    height = bilinear(case.bump[..., None], case.crop.camera.project(base))
    return base, base - height * base / base[:, 2:]


def mirrored(foundation: Foundation, vectors: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) of the camera's frame, those of the twins, reflected through the head's plane of symmetry."""
    return vectors[mirror] @ foundation.R * _REFLECT @ foundation.R.T


class SparseFirst:
    """A way on the sparse mesh, and Eqs. 7, 8 and 10 for the dense one; `hard`: seen or not, nothing between."""

    def __init__(self, sparse_way, dense: Topology, sparse: Topology, hard: bool):
        self._way, self._dense, self._sparse, self._hard = sparse_way, dense, sparse, hard
        self._share = CrossFade(dense)

    def __call__(self, case: Case) -> np.ndarray:
        """Vertices (N, 3) of the dense mesh."""
        mirror, lifted = self._dense.mirror, self._dense.from_foundation @ self._way(case)
        share = self._share(*case.given).share[:, None]
        share = (share > 0).astype(np.float32) if self._hard else share
        residual = share * (own_surface(case, self._dense)[1] - lifted)
        return lifted + residual + (1 - share) * mirrored(case.foundation, residual, mirror)


class Paper:
    """Eq. 9 on the sparse mesh as the paper writes it: positions, all vertices in one least-squares problem."""

    def __init__(self, topology: Topology):
        self._topology, self._share = topology, CrossFade(topology)
        count = len(topology.mirror)
        rows, columns = np.concatenate([topology.edges, topology.edges[:, ::-1]]).T
        links = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
        self._laplacian = (sp.diags(np.asarray(links.sum(1)).ravel()) - links).tocsr()

    def __call__(self, case: Case) -> np.ndarray:
        """Vertices (V, 3)."""
        base, own = own_surface(case, self._topology)
        seen = self._share(*case.given).share > 0
        mirror, away = self._topology.mirror, ~seen
        moved = np.where(seen[:, None], own - base, 0)
        twins = self._laplacian @ (base + mirrored(case.foundation, moved, mirror))
        wanted = np.where(seen[mirror][:, None], twins, self._laplacian @ base)
        A = sp.vstack([self._laplacian[away], sp.identity(len(seen), format="csr")[seen]]).tocsc()
        b = np.concatenate([wanted[away], own[seen]])
        square = (A.T @ A).tocsc()
        return np.column_stack([spsolve(square, A.T @ b[:, axis]) for axis in range(3)])


class Bench:
    """Everything that the cases and ways need."""

    def __init__(self):
        self._generator = FaceGenerator()
        self.model: FaceModel = self._generator.heads.model
        self._fast, self._raster = FastPath(self.model), SurfaceRaster(self.model)
        self.dense, self.sparse = dense_topology(self.model), sparse_topology(self.model)
        S = self.dense.from_foundation
        transfer = self._generator.heads.topology.transfer[:, :SKIN_VERTICES]
        self._uv = (S @ (transfer @ self._generator.heads.ict.uv)).astype(np.float32)
        self.skin = S @ np.isin(self.model.regions, (SKIN, BROW, LIP)).astype(np.float32) > 0.99
        self._x = (S @ self.model.mean)[:, 0]
        sparse = partial(_applied, SoftSymmetry(self.sparse))
        self.ways = {
            "cross-fade": partial(_applied, CrossFade(self.dense)),
            "poisson": partial(_applied, SoftSymmetry(self.dense)),
            "sparse + residuals": SparseFirst(sparse, self.dense, self.sparse, hard=False),
            "paper": SparseFirst(Paper(self.sparse), self.dense, self.sparse, hard=True),
        }

    def cases(self, seed: int, yaw: float) -> dict[str, Case]:
        """Of one person at one yaw; none where the face isn't found."""
        sign = 1 if seed % 2 else -1
        wish = Wish(size=(480, 480), share=0.0, yaw=sign * yaw, most_pitch=15.0, near=(0.6, 0.8))
        made = self._generator(seed, wish)
        found = self._fast(Frame(made.image, made.camera))
        if not found:
            return {}
        o = found[0]
        scale, R, t = similarity(made.vertices, o.foundation.vertices)
        details = scale * self._details(made, seed)
        truth = self._with(scale * made.vertices @ R.T + t, details)
        bump = np.nan_to_num(truth_of(made, self.model, o.crop, o.foundation, o.surface).bump)
        seen = (o.crop, o.foundation)
        like = self._like(details, *seen, o.surface)
        return {
            "network": Case(*seen, o.layers.bump, o.layers.occlusion, o.surface, truth),
            "true bump": Case(*seen, bump, o.layers.occlusion, o.surface, truth),
            "symmetric": self._made(*seen, self._with(o.foundation.vertices, like)),
            "own": self._made(*seen, self._with(o.foundation.vertices, details)),
            "turned": self._made(o.crop, _turned(o.foundation), self._with(o.foundation.vertices, like)),
        }

    def hidden(self, case: Case) -> np.ndarray:
        """(N,) bool: the dense mesh's skin that the camera doesn't see, or at a grazing angle only."""
        return self.skin & ~self._visible(case.crop, case.foundation, case.surface)

    def _details(self, made: Rendered, seed: int) -> np.ndarray:
        """Heights (N,) of the generator's details at the dense mesh's vertices, metres along the normals."""
        detail = self._generator._detail(made.expression, np.random.default_rng([seed, 5]))
        return look_up(detail.height, self._uv)[:, 0] * self.skin

    def _like(self, details, crop, foundation, surface):
        """The details of the side that the camera sees more of, on both."""
        seen = self._visible(crop, foundation, surface)
        other = self._x * np.sum(seen * self._x) < 0
        return np.where(other, details[self.dense.mirror], details)

    def _with(self, vertices, details):
        base = (self.dense.from_foundation @ vertices).astype(np.float32)
        return base + details[:, None] * vertex_normals(base, self.dense.faces)

    def _made(self, crop, foundation, truth):
        """A case of a face that is exactly known."""
        surface = self._raster(foundation, crop)
        depth, true = surface.raster.depth, rasterize(truth, self.dense.faces, crop.camera).depth
        both = np.isfinite(depth) & np.isfinite(true)
        bump = np.where(both, depth, 0) - np.where(both, true, 0)
        bump[np.abs(bump) > _BREAK] = 0
        labels = np.where(surface.facing > GRAZING, VISIBLE, TURNED_AWAY)
        labels = np.where(surface.raster.covered, labels, NOT_FACE).astype(np.uint8)
        return Case(crop, foundation, bump.astype(np.float32), labels, surface, truth)

    def _visible(self, crop, foundation, surface):
        base = self.dense.from_foundation @ foundation.vertices
        normals = vertex_normals(base, self.dense.faces)
        facing = -np.sum(normals * base, axis=1) / np.linalg.norm(base, axis=1)
        depth = np.where(surface.raster.covered, surface.raster.depth, 0)
        seen = bilinear(depth[..., None], crop.camera.project(base))[:, 0]
        return (facing > GRAZING) & (base[:, 2] < seen + 0.003)


def _turned(foundation: Foundation) -> Foundation:
    R = foundation.R @ Rotation.from_euler("yz", _TURN, degrees=True).as_matrix()
    vertices = foundation.to_model(foundation.vertices) @ R.T + foundation.t
    return Foundation(vertices.astype(np.float32), R, foundation.t)


def errors(bench: Bench, case: Case) -> dict[str, tuple[float, float]]:
    """{way: (mm, degrees)} on the side turned away; mm: mean distance of the true points to the mesh."""
    hidden, faces = bench.hidden(case), bench.dense.faces
    normals = vertex_normals(case.truth, faces)[hidden]
    found = {}
    for way, make in ({"foundation": lambda case: own_surface(case, bench.dense)[0]} | bench.ways).items():
        vertices = make(case).astype(np.float32)
        cosine = np.sum(vertex_normals(vertices, faces)[hidden] * normals, axis=1)
        distance = MeshDistance(vertices, faces)(case.truth[hidden][::_THINNED])[0]
        found[way] = (1e3 * distance.mean(), np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
    return found


def measure(bench: Bench, count: int) -> list[dict]:
    """A row for each case, yaw and way: mm, degrees, and both over the foundation's, from means over the persons."""
    found = defaultdict(list)
    for seed in range(_FIRST, _FIRST + count):
        for yaw in YAWS:
            for name, case in bench.cases(seed, yaw).items():
                found[name, yaw].append(errors(bench, case))
    rows = []
    for name in CASES:
        for yaw in YAWS:
            means = {way: np.mean([of[way] for of in found[name, yaw]], axis=0) for way in ("foundation", *WAYS)}
            for way, (mm, degrees) in means.items():
                over = np.array([mm, degrees]) / means["foundation"]
                figures = {"mm": mm, "degrees": degrees, "mm_ratio": over[0], "degrees_ratio": over[1]}
                rows.append({"case": name, "yaw": yaw, "way": way} | {k: float(v) for k, v in figures.items()})
    return rows


def times(bench: Bench) -> list[dict]:
    """Milliseconds of the CPU, median, on one core: the ways at 45 degrees, and growth with the vertices."""
    case = bench.cases(_FIRST, 45)["true bump"]
    count, rows = len(bench.dense.mirror), []
    for way, make in bench.ways.items():
        rows.append({"way": way, "vertices": count, "ms": _milliseconds(make, case)})
    for topology in (bench.sparse, bench.dense, _finer(bench)):
        for name, kind in (("cross-fade", CrossFade), ("poisson", SoftSymmetry)):
            spent = _milliseconds(partial(_applied, kind(topology)), case)
            rows.append({"way": f"{name}, alone", "vertices": len(topology.mirror), "ms": spent})
    return rows


def _applied(way, case: Case) -> np.ndarray:
    return way(*case.given).vertices


def _finer(bench: Bench) -> Topology:
    """The dense mesh with each triangle in four."""
    dense, count = bench.dense, len(bench.dense.mirror)
    matrix, faces, edges = loop(dense.faces, count)
    twins = edge_twins(edges, dense.mirror, dense.from_foundation @ bench.model.mean)
    mirror = np.concatenate([dense.mirror, count + twins]).astype(np.int32)
    return Topology(faces, unique_edges(faces), mirror, (matrix @ dense.from_foundation).tocsr())


def _milliseconds(make, case):
    make(case)
    spent = []
    for _ in range(_RUNS):
        start = time.thread_time()
        make(case)
        spent.append(1e3 * (time.thread_time() - start))
    return float(np.median(spent))


def table(rows: list[dict]) -> str:
    """Errors as markdown: of the foundation in mm and degrees, of the ways as parts of it."""
    head = " | ".join(WAYS)
    lines = [f"| case | yaw | foundation | {head} |", "|---" * (3 + len(WAYS)) + "|"]
    for name in CASES:
        for yaw in YAWS:
            of = {row["way"]: row for row in rows if row["case"] == name and row["yaw"] == yaw}
            cells = " | ".join(f"{of[way]['mm_ratio']:.2f} {of[way]['degrees_ratio']:.2f}" for way in WAYS)
            lines.append(
                f"| {name} | {yaw} | {of['foundation']['mm']:.3f} mm {of['foundation']['degrees']:.2f}° | {cells} |"
            )
    return "\n".join(lines)


def time_table(rows: list[dict]) -> str:
    """Times as markdown."""
    lines = [f"| {row['way']} | {row['vertices']} | {row['ms']:.1f} |" for row in rows]
    return "\n".join(["| way | vertices | ms |", "|---|---|---|", *lines])


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soft_symmetry", description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=6, help="rendered persons (default 6)")
    parser.add_argument("--json", action="store_true", help="JSON in place of markdown")
    arguments = parser.parse_args()
    bench = Bench()
    rows, spent = measure(bench, arguments.count), times(bench)
    if arguments.json:
        print(json.dumps({"errors": rows, "times": spent}, indent=1))
    else:
        print(table(rows), time_table(spent), sep="\n\n")


if __name__ == "__main__":
    main()
