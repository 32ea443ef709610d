"""The zipper (Sec. 4.3; Turk and Levoy, "Zippered Polygon Meshes from Range Images", SIGGRAPH 1994).

A dense mesh of what the camera sees and a sparse mesh of the whole face become one welded surface. Both lie in one
injective chart (the face model's uv), where nothing folds over as a head turned away does in an image. The border of
the dense patch is inserted into the sparse triangulation, edges are flipped until the border is among them (Sloan, "A
fast algorithm for generating constrained Delaunay triangulations", 1993), and what it encloses is exchanged for the
patch. Chart coordinates are integers and every test of orientation is exact: each step leaves all triangles positive in
the chart, so the result is a manifold whose only boundary is the sparse mesh's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.chart import CELL, CELLS, UNITS, all_positive, rounded
from extreme3d_ros.geometry.dense_patch import least_stretch, one_piece, sound, with_corners, without_bridges
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.geometry.stitching import stitched

#: How often a patch that overlaps itself in the chart is trimmed before the sparse mesh is left as it is.
_TRIMS = 6


@dataclass(frozen=True)
class Zipped:
    """One surface out of two.

    faces: (T, 3) int32; source: (N,) int32, the row of each vertex in [sparse; dense]; seam: (N,) bool, the dense
    vertices that the sparse mesh is sewn to.
    """

    faces: np.ndarray
    source: np.ndarray
    seam: np.ndarray

    def carried(self, sparse: np.ndarray, dense: np.ndarray) -> np.ndarray:
        """Values of the vertices of both meshes, (V, ...) and (M, ...), to those of the surface: (N, ...)."""
        return np.concatenate([sparse, dense]).take(self.source, axis=0)


class Zipper:
    """Joins dense patches to meshes of the same triangles, which are worked out once."""

    def __init__(self, uv: np.ndarray, faces: np.ndarray):
        """uv: (V, 2) the chart; faces: (T, 3), all counter-clockwise there or all clockwise, each vertex used.

        Raises ValueError where the chart turns a triangle over, or the mesh is no manifold.
        """
        uv = np.asarray(uv, np.float64)
        self._faces = np.ascontiguousarray(faces, np.int32)
        a, b, c = (uv[corner] for corner in self._faces.T)
        turn = np.sign(np.sum((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]))
        self._origin = uv.min(0) if turn > 0 else np.array([uv[:, 0].max(), uv[:, 1].min()])
        self._scale = UNITS / np.ptp(uv, axis=0).max() * np.array([turn, 1.0])
        self._chart = self._charted(uv)
        self._neighbours = _neighbours(self._faces)
        if not all_positive(self._chart, self._faces):
            raise ValueError("the chart turns triangles over: a zipper needs one that is injective")
        rim = self._rim()
        self._cells = _cells(self._chart, self._faces, rim)
        self._fixed = np.zeros(len(uv), bool)
        self._fixed[rim] = True

    def __call__(
        self, vertices: np.ndarray, dense: np.ndarray, faces: np.ndarray, pixels: np.ndarray, uv: np.ndarray
    ) -> Zipped:
        """The sparse mesh with its part under the dense patch exchanged for the patch.

        vertices: (V, 3) sparse, of this zipper's triangles; dense: (M, 3), its faces: (F, 3) between neighbours (of 8)
        on a pixel grid and oriented as the sparse ones, pixels: (M, 2) int (x, y), as `depth_mesh` makes them; uv:
        (M, 2) their places in the chart, as a raster interpolates it. Any shape will do: triangles that are slivers,
        turned over in the chart, or nearly at the rim are dropped, then thin bridges, pinched vertices, and all but the
        largest piece. Where nothing useful remains the result is the sparse mesh.
        """
        chart = self._charted(uv)
        pixels = np.ascontiguousarray(pixels, np.int32)
        dense = np.ascontiguousarray(dense, np.float64)
        vertices = np.ascontiguousarray(vertices, np.float64)
        stretch = least_stretch(self._faces, self._chart, vertices)
        faces = sound(np.ascontiguousarray(faces, np.int32), chart, dense, self._cells, stretch)
        faces = without_bridges(faces, pixels)
        for _ in range(_TRIMS):
            faces, border = one_piece(faces, pixels)
            if not len(faces):
                break
            around, clashing = self._around(vertices, dense, chart, border)
            if not clashing.any():
                return _welded(around, faces, len(vertices), len(dense))
            faces = with_corners(faces, ~clashing, 3)
        return Zipped(self._faces, np.arange(len(vertices), dtype=np.int32), np.zeros(len(vertices), bool))

    def _charted(self, uv: np.ndarray) -> np.ndarray:
        return rounded(np.ascontiguousarray(uv, np.float64), self._origin, self._scale)

    def _rim(self) -> np.ndarray:
        """(E, 2) edges of one triangle only."""
        triangle, corner = np.nonzero(self._neighbours < 0)
        return np.stack([self._faces[triangle, (corner + k) % 3] for k in (1, 2)], axis=1)

    def _around(self, vertices, dense, chart, border):
        """The sparse mesh's triangles outside the patch, (T, 3) rows of [sparse; dense], and (M,) vertices in trouble.

        border: (E, 2) directed edges of the patch.
        """
        count, triangles = len(vertices), len(self._faces)
        room = ((0, 2 * len(border)), (0, 0))
        corners, across = (
            np.pad(x.astype(np.int64), room, constant_values=-1) for x in (self._faces, self._neighbours)
        )
        at = np.full(count + len(dense), -1)
        at[self._faces] = np.arange(triangles)[:, None]
        chart, points = np.concatenate([self._chart, chart]), np.concatenate([vertices, dense])
        mesh = (corners, across, np.zeros(corners.shape, bool), at, chart, points)
        fixed = np.concatenate([self._fixed, np.zeros(len(dense), bool)])
        clashing = np.zeros(len(at), bool)
        around = stitched(mesh, triangles, count + border.astype(np.int64), fixed, self._cells, clashing)
        return around.astype(np.int32), clashing[count:]


def _welded(around: np.ndarray, faces: np.ndarray, sparse: int, dense: int) -> Zipped:
    """The triangles around a patch and the patch's own as one mesh. sparse, dense: how many vertices there were."""
    faces = np.concatenate([around, faces + np.int32(sparse)])
    source = _renumbered(faces, np.full(sparse + dense, -1, np.int32))
    seam = np.zeros(len(source), bool)
    seam[faces[: len(around)]] = True
    return Zipped(faces, source, seam & (source >= sparse))


def _cells(chart: np.ndarray, faces: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """(CELLS, CELLS) int32: the triangle that a cell's centre lies on, -1 off the mesh and within two cells of its rim.

    rim: (E, 2) edges.
    """
    places = chart / CELL - 0.5
    flat = Camera(np.eye(3), CELLS, CELLS)
    cells = rasterize(np.column_stack([places, np.ones(len(places))]), faces, flat).triangle
    along = np.linspace(0, 1, 2 + int(2 * np.abs(np.diff(places[rim], axis=1)).max()))[:, None, None]
    near = np.rint(places[rim[:, 0]] * (1 - along) + places[rim[:, 1]] * along).astype(int).reshape(-1, 2)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            x, y = np.clip(near + [dx, dy], 0, CELLS - 1).T
            cells[y, x] = -1
    return cells


def _neighbours(faces: np.ndarray) -> np.ndarray:
    """(T, 3) int32: the triangle across the edge opposite to each corner, -1 at the rim."""
    ends = np.stack([np.roll(faces, -1, 1), np.roll(faces, -2, 1)], -1).reshape(-1, 2).astype(np.int64)
    count = faces.max(initial=-1) + 1
    key, twin = ends @ [count, 1], ends @ [1, count]
    order = np.argsort(key)
    if np.any(np.diff(key[order]) == 0):
        raise ValueError("two triangles run along an edge in the same direction: the mesh is no oriented manifold")
    place = np.minimum(np.searchsorted(key, twin, sorter=order), len(key) - 1)
    found = np.where(key[order[place]] == twin, order[place] // 3, -1)
    return found.astype(np.int32).reshape(-1, 3)


@njit(cache=True, nogil=True)
def _renumbered(faces, number):
    """Numbers the vertices that triangles use from 0 on, in the triangles themselves; returns what they were. number:
    all -1."""
    for t in range(len(faces)):
        for i in range(3):
            number[faces[t, i]] = 0
    source = np.flatnonzero(number == 0).astype(np.int32)
    number[source] = np.arange(len(source), dtype=np.int32)
    for t in range(len(faces)):
        for i in range(3):
            faces[t, i] = number[faces[t, i]]
    return source
