"""The mesh of fixed triangles beside the one zippered from pixels and it (Sec. 4.3): nearness, quality, size, time.

    .venv/bin/python -m benchmarks.zippering [--yaw 0 30 60 75] [--repeat 7] [--json]

The mean face wears wrinkles on the crop. error: mean distance along z to the true surface (the subdivided foundation
less the bump), at the crop's pixels that face the camera by more than 0.3, micrometres; error99, its 99th percentile.
Angles are degrees: angle, the smallest of all; below10, percent of the triangles with one below 10; seam, the smallest
of the triangles between the two meshes; turn and seam_turn, 99th percentile of that between neighbouring triangles,
elsewhere and at the seam; creases, millimetres of edges that turn by more than 40. MB: the message. The other columns
are CPU milliseconds of one thread, medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from benchmarks.command import figures_parser, tell
from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.topology import dense_topology
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.messages.marker import MarkerWriter
from extreme3d_ros.records import CROP_SIZE, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, FaceMesh, Foundation, Surface
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry
from extreme3d_ros.stages.surface import SurfaceRaster
from extreme3d_ros.stages.zipped_mesh import ZippedMesh
from extreme3d_ros.stages.zipper import finish

#: Wrinkles: half their height, and their wavelengths across and along the face; metres.
_HEIGHT, _WAVES = 3e-4, (6e-3, 4e-3)
#: A crop's focal length over its side; the face is 0.6 m off.
_FOCAL = 2.15
_CREASE = 40.0


@dataclass(frozen=True)
class Scene:
    """The mean face, turned, with wrinkles. true: (side, side) depth, NaN where it isn't measured."""

    crop: Crop
    foundation: Foundation
    surface: Surface
    bump: np.ndarray
    occlusion: np.ndarray
    true: np.ndarray


class Bench:
    """Both meshes of scenes."""

    def __init__(self):
        self.model = load_face_model()
        self.topology = dense_topology(self.model)
        self._raster = SurfaceRaster(self.model)
        self._symmetry = SoftSymmetry(self.topology)
        self._zipped = ZippedMesh(self.model, self.topology)
        self._writer = MarkerWriter()

    def scene(self, yaw: float) -> Scene:
        """The face turned by yaw degrees."""
        R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("y", yaw, degrees=True).as_matrix()
        t = np.array([0.0, 0.0, 0.6])
        side, f, centre = CROP_SIZE, _FOCAL * CROP_SIZE, (CROP_SIZE - 1) / 2
        camera = Camera(np.array([[f, 0, centre], [0, f, centre], [0, 0, 1.0]]), side, side)
        crop = Crop(np.full((side, side, 3), (90, 120, 180), np.uint8), camera, np.eye(3))
        foundation = Foundation((self.model.mean @ R.T + t).astype(np.float32), R, t)
        surface = self._raster(foundation, crop)
        covered = surface.raster.covered
        place = surface.raster.interpolate(self.model.faces, self.model.mean)
        wave = np.prod([np.sin(2 * np.pi * place[..., k] / _WAVES[k]) for k in (0, 1)], axis=0)
        bump = (_HEIGHT * wave * covered).astype(np.float32)
        seen = covered & (surface.facing > GRAZING)
        labels = np.where(seen, VISIBLE, np.where(covered, TURNED_AWAY, NOT_FACE)).astype(np.uint8)
        smooth = rasterize(self.topology.from_foundation @ foundation.vertices, self.topology.faces, camera)
        true = np.where((surface.facing > 0.3) & smooth.covered, smooth.depth - bump, np.nan)
        return Scene(crop, foundation, surface, bump, labels, true)

    def rows(self, yaw: float, repeat: int) -> list[dict]:
        """A row for each way."""
        scene = self.scene(yaw)
        runs = [self._run(scene) for _ in range(repeat + 1)][1:]
        spent = {name: float(np.median([times[name] for _, times in runs])) for name in runs[0][1]}
        fixed, zipped = runs[-1][0]
        ways = (
            ("fixed", fixed, ("soft_symmetry", "finish"), None),
            ("zipped", zipped, tuple(spent), fixed),
        )
        return [
            {"yaw": yaw, "mesh": name, **quality(mesh, scene, base), "MB": self._megabytes(mesh)}
            | {stage: spent[stage] for stage in stages}
            for name, mesh, stages, base in ways
        ]

    def _run(self, scene: Scene) -> tuple[tuple[FaceMesh, FaceMesh], dict[str, float]]:
        clock = Clock()
        arguments = (scene.crop, scene.foundation, scene.bump, scene.occlusion, scene.surface)
        detailed = clock("soft_symmetry", lambda: self._symmetry(*arguments))
        fixed = clock("finish", lambda: finish(detailed, self.topology, scene.crop))
        zipped = clock("zipped", lambda: self._zipped(scene.crop, scene.bump, scene.occlusion, detailed, fixed))
        return (fixed, zipped), clock.spent

    def _megabytes(self, mesh: FaceMesh) -> float:
        return len(self._writer(mesh, Header(frame_id="camera"))) / 1e6


class Clock:
    """CPU milliseconds by name."""

    def __init__(self):
        self.spent: dict[str, float] = {}

    def __call__(self, name: str, work: Callable):
        start = time.thread_time()
        result = work()
        self.spent[name] = 1e3 * (time.thread_time() - start)
        return result


def quality(mesh: FaceMesh, scene: Scene, base: FaceMesh | None) -> dict[str, float]:
    """Nearness and shape. base: the mesh that a zippered one was sewn to."""
    off = 1e6 * np.abs(rasterize(mesh.vertices, mesh.faces, scene.crop.camera).depth - scene.true)
    off = off[np.isfinite(off)]
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    smallest, turns = np.degrees(shape.face_angles.min(1)), np.degrees(shape.face_adjacency_angles)
    ends = shape.vertices[shape.face_adjacency_edges]
    length = 1e3 * np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    row = {
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "error": off.mean(),
        "error99": np.quantile(off, 0.99),
        "angle": smallest.min(),
        "below10": 100 * (smallest < 10).mean(),
        "creases": length[turns > _CREASE].sum(),
    }
    if base is None:
        return row | {"turn": np.quantile(turns, 0.99)}
    dense = ~np.isin(mesh.vertices.view("V12"), base.vertices.view("V12")).ravel()[mesh.faces]
    seam = dense.any(1) & ~dense.all(1)
    at_seam = seam[shape.face_adjacency].any(1)
    return row | {
        "turn": np.quantile(turns[~at_seam], 0.99),
        "seam_turn": np.quantile(turns[at_seam], 0.99),
        "seam": smallest[seam].min(),
    }


def table(rows: list[dict]) -> str:
    """Rows as aligned text."""
    columns = list(dict.fromkeys(key for row in reversed(rows) for key in row))
    cells = [columns] + [
        [f"{row[c]:.4g}" if isinstance(row.get(c), float) else str(row.get(c, "")) for c in columns] for row in rows
    ]
    return "\n".join("".join(f"{cell:>14}" for cell in line) for line in cells)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("zippering", __doc__)
    parser.add_argument("--yaw", type=float, nargs="+", default=[0, 30, 60, 75], help="degrees")
    parser.add_argument("--repeat", type=int, default=7, help="times are medians of so many runs")
    options = parser.parse_args()
    bench = Bench()
    rows = [row for yaw in options.yaw for row in bench.rows(yaw, options.repeat)]
    tell(options, {"meshes": rows}, lambda made: table(made["meshes"]))


if __name__ == "__main__":
    main()
