"""How the time of soft symmetry grows with the crop's pixels and the mesh's vertices, beside the paper's procedure."""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.spatial import Delaunay

from benchmarks.clocks import milliseconds
from benchmarks.command import markdown
from benchmarks.cross_fade import CrossFade
from benchmarks.symmetry_cases import Case, Cases
from benchmarks.symmetry_ways import Paper, applied, ways
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.face_model.topology import Topology, dense_topology, sparse_topology
from extreme3d_ros.face_model.twins import edge_twins
from extreme3d_ros.geometry.subdivision import loop, unique_edges
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry
from extreme3d_ros.stages.surface import SurfaceRaster
from extreme3d_ros.stages.zipper import finish

_SIZES = (256, 512, 1024)
_FEWER = 5000
_YAW = 45
_RUNS = 5


def times(cases: Cases, seed: int) -> list[dict]:
    """Milliseconds of the processor, medians: rows of {"pixels", "vertices", "what", "ms"}."""
    made = cases.rendered(seed, _YAW)
    return [row for size in _SIZES for row in _of_pixels(cases, cases.known(made, seed, "symmetric", size), size)] + [
        row
        for topology in topologies(cases.model)
        for row in _of_vertices(topology, cases.known(made, seed, "symmetric"))
    ]


def time_table(rows: list[dict]) -> str:
    """Times as markdown, a row for each size of the crop and of the mesh."""
    blocks = []
    for by in ("pixels", "vertices"):
        mine = [row for row in rows if by in row]
        whats = list(dict.fromkeys(row["what"] for row in mine))
        ms: dict[int, list[str]] = {}
        for row in mine:
            ms.setdefault(row[by], []).append(f"{row['ms']:.1f}")
        blocks.append(markdown([by, *whats], ([str(size), *of] for size, of in ms.items())))
    return "\n\n".join(blocks)


def topologies(model: FaceModel) -> list[Topology]:
    """Meshes of the same face, from few vertices to many."""
    dense = dense_topology(model)
    return [fewer(model, _FEWER), sparse_topology(model), dense, finer(model, dense)]


def fewer(model: FaceModel, count: int) -> Topology:
    """About `count` of the model's vertices, chosen at random with their twins, joined by Delaunay in its plane chart.

    Good for measuring time: its triangles also span the eyes, and needn't be each other's mirror images.
    """
    chosen = np.random.default_rng(0).random(len(model.mirror)) < count / len(model.mirror)
    chosen = np.where(np.arange(len(chosen)) < model.mirror, chosen, chosen[model.mirror])
    kept = np.flatnonzero(chosen)
    number = np.cumsum(chosen) - 1
    faces = Delaunay(model.uv[kept]).simplices.astype(np.int32)
    identity = sp.identity(len(chosen), dtype=np.float32, format="csr")
    return Topology(faces, unique_edges(faces), number[model.mirror[kept]].astype(np.int32), identity[kept])


def finer(model: FaceModel, dense: Topology) -> Topology:
    """The dense mesh with each triangle in four."""
    count = len(dense.mirror)
    matrix, faces, edges = loop(dense.faces, count)
    twins = edge_twins(edges, dense.mirror, dense.from_foundation @ model.mean)
    mirror = np.concatenate([dense.mirror, count + twins]).astype(np.int32)
    return Topology(faces, unique_edges(faces), mirror, (matrix @ dense.from_foundation).tocsr())


def _of_pixels(cases: Cases, case: Case, size: int) -> list[dict]:
    dense, raster = cases.dense, SurfaceRaster(cases.model)
    detailed = SoftSymmetry(dense)(*case.given)
    calls = {way: partial(make, case) for way, make in ways(cases.model, dense).items()}
    calls["raster"] = partial(raster, case.foundation, case.crop)
    calls["finish"] = partial(finish, detailed, dense, case.crop)
    spent = milliseconds(calls, _RUNS)
    return [{"pixels": size, "what": what, "ms": ms} for what, ms in spent.items()]


def _of_vertices(topology: Topology, case: Case) -> list[dict]:
    kinds = {"cross-fade": applied(CrossFade(topology)), "poisson": applied(SoftSymmetry(topology))}
    kinds["paper, Eq. 9"] = Paper(topology)
    spent = milliseconds({name: partial(way, case) for name, way in kinds.items()}, _RUNS)
    return [{"vertices": len(topology.mirror), "what": what, "ms": ms} for what, ms in spent.items()]
