"""Before and after the bump map, to look at: crop, labels, and the surface lit from the side as foundation, with the
bump map, and with shape from shading's.

    .venv/bin/python -m benchmarks.normals_sheet IMAGE... [--out out/normals.png]
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import parser_of
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import read_image
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import HIDDEN, TURNED_AWAY, VISIBLE, Observation
from extreme3d_ros.stages.layers import ShadingLayers

_LIGHT = np.array([-0.5, -0.45, -0.74])
_COLORS = {VISIBLE: (0, 160, 0), HIDDEN: (0, 0, 200), TURNED_AWAY: (200, 0, 0)}


def row(seen: Observation, shading: np.ndarray) -> np.ndarray:
    """(H, 5 W, 3) uint8 of one face; shading: (512, 512) metres."""
    surface, labels = seen.surface, seen.crop.image // 2
    for label, color in _COLORS.items():
        labels[seen.layers.occlusion == label] += (np.array(color) * 0.5).astype(np.uint8)
    bumps = (np.zeros_like(shading), seen.layers.bump, shading)
    tiles = [seen.crop.image, labels, *(_lit(surface.raster.depth - bump, seen.crop.camera) for bump in bumps)]
    rows, columns = surface.box
    size = max(rows.stop - rows.start, columns.stop - columns.start)
    box = np.s_[rows.start : rows.start + size, columns.start : columns.start + size]
    return np.hstack([cv2.resize(tile[box], (300, 300), interpolation=cv2.INTER_AREA) for tile in tiles])


def _lit(depth, camera) -> np.ndarray:
    vertices, faces, pixels = depth_mesh(depth, np.isfinite(depth), camera)
    image = np.zeros((*depth.shape, 3), np.uint8)
    bright = np.clip(vertex_normals(vertices, faces) @ _LIGHT, 0, 1)
    image[pixels[:, 1], pixels[:, 0]] = (30 + 220 * bright)[:, None]
    return image


def main() -> None:
    """Writes the sheet."""
    parser = parser_of("normals_sheet", __doc__)
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--out", type=Path, default=Path("out/normals.png"))
    arguments = parser.parse_args()
    model = load_face_model()
    fast, shading = FastPath(model), ShadingLayers(model)
    rows = []
    for path in arguments.images:
        image = read_image(path)
        for seen in fast(frame_of(image)):
            rows.append(row(seen, shading(seen.crop, seen.surface, {}).bump))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.out), np.vstack(rows))


if __name__ == "__main__":
    main()
