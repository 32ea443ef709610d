"""Finished meshes to look at, lit from the side: the crop, the front, both profiles and the half-profile of the side
that was hidden, below them the foundation's; and what trimesh says of each.

    .venv/bin/python -m benchmarks.symmetry_sheet IMAGE... [--renders 4] [--out out/symmetry.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.mesh_checks import mesh_checks
from extreme3d_ros.camera import Camera
from extreme3d_ros.cli.files import png
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.topology import dense_topology
from extreme3d_ros.geometry.normals import normalized, vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.input.images import read_image
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.records import Completed, Frame, Observation
from extreme3d_ros.references.default import references_of
from training.faces.generator import FaceGenerator, Wish

_YAWS = (30, 45, 60, 75)
#: Those of benchmarks/soft_symmetry.py.
_FIRST = 1_710_000
#: Height and width of a tile, pixels, drawn twice as large; the foundation's are half as large.
_TILE, _WIDTH = 400, 340
#: Focal length over the tile's height, from so many metres.
_FOCAL, _AWAY = 8.6, 2.0
#: Direction to the light; in profile it comes from where the face looks.
_LIGHT = np.array([-0.86, -0.4, -0.32]) / np.linalg.norm([-0.86, -0.4, -0.32])
_BACKGROUND = 32
#: Model frame (y up, z out of the face) to a camera that looks at the face.
_FRONT = np.diag([1.0, -1.0, -1.0])


def frames(images: list[str], renders: int) -> Iterator[tuple[str, Frame]]:
    """The photographs, and pictures of rendered heads at growing yaw, each with its name."""
    for path in images:
        image = read_image(path)
        yield Path(path).stem, Frame(image, Camera.assumed(image.shape[1], image.shape[0]))
    generator = FaceGenerator() if renders else None
    for n in range(renders):
        yaw, seed = _YAWS[n % len(_YAWS)], _FIRST + n
        made = generator(seed, Wish(size=(480, 480), share=0.0, yaw=yaw * (-1) ** n, most_pitch=15.0, near=(0.6, 0.8)))
        yield f"render {seed} at {yaw}", Frame(made.image, made.camera)


def row(name: str, seen: Observation, completed: Completed, base: np.ndarray) -> np.ndarray:
    """(600, 1760, 3) uint8 of one face. base: (N, 3) the foundation's vertices of the finished mesh."""
    foundation, faces = seen.foundation, completed.mesh.faces
    # The half-profile from the side that the camera did not see.
    away = 50.0 if foundation.R[0, 2] < 0 else -50.0
    crop = cv2.resize(seen.crop.image, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
    cv2.putText(crop, name, (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 255), 1, cv2.LINE_AA)
    columns = [_over(crop, _labels(seen))]
    for yaw in (0.0, 85.0, -85.0, away):
        columns.append(_over(*(shaded(foundation.to_model(v), faces, yaw) for v in (completed.mesh.vertices, base))))
    return np.hstack(columns)


def shaded(vertices: np.ndarray, faces: np.ndarray, yaw: float) -> np.ndarray:
    """A mesh (N, 3) of the model's frame, turned by `yaw` degrees, in grey: (400, 340, 3) uint8."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    centre = (vertices.min(0) + vertices.max(0)) / 2
    posed = (vertices - centre) @ turn.T @ _FRONT.T + [0.0, 0.0, _AWAY]
    height, width = 2 * _TILE, 2 * _WIDTH
    K = np.array([[_FOCAL * height, 0, width / 2], [0, _FOCAL * height, height / 2], [0, 0, 1]])
    raster = rasterize(posed, faces, Camera(K, width, height))
    normals = normalized(raster.interpolate(faces, vertex_normals(posed, faces)))
    # Lambert's law wrapped round, so that no side lies in the dark.
    light = _LIGHT * [-1 if yaw > 0 else 1, 1, 1]
    grey = 245 * np.square(0.5 + 0.5 * normals @ light)
    image = np.where(raster.covered, grey, _BACKGROUND).astype(np.uint8)
    return cv2.cvtColor(cv2.resize(image, (_WIDTH, _TILE), interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)


def _labels(seen: Observation) -> np.ndarray:
    """The occlusion labels: visible, hidden and turned away grow brighter."""
    grey = (seen.layers.occlusion * 80).astype(np.uint8)
    grey = cv2.resize(grey, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def _over(large, other):
    """A tile, and another half as large in the middle of the strip below it."""
    small = cv2.resize(other, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    strip = np.full((small.shape[0], *large.shape[1:]), _BACKGROUND, np.uint8)
    left = (strip.shape[1] - small.shape[1]) // 2
    strip[:, left : left + small.shape[1]] = small
    return np.vstack([large, strip])


def main() -> None:
    """Writes the sheet, prints the checks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.symmetry_sheet", description=__doc__.split("\n\n")[0])
    parser.add_argument("images", nargs="*", metavar="IMAGE")
    parser.add_argument("--renders", type=int, default=0, help="rendered heads at 30, 45, 60, 75 degrees")
    parser.add_argument("--out", type=Path, default=Path("out/symmetry.png"))
    arguments = parser.parse_args()
    model = load_face_model()
    fast, complete = FastPath(model), Completion(model, references_of("", model.name))
    topology, rows = dense_topology(model), []
    for name, frame in frames(arguments.images, arguments.renders):
        found = fast(frame)
        if not found:
            print(name, "no face found")
        for seen in found:
            completed = complete(seen.crop, seen.foundation, seen.layers)
            base = topology.from_foundation @ seen.foundation.vertices
            rows.append(row(name, seen, completed, base))
            print(name, mesh_checks(completed.mesh.vertices, completed.mesh.faces, base))
    if not rows:
        parser.error("no face was found in any image")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(arguments.out, png(np.vstack(rows)))


if __name__ == "__main__":
    main()
