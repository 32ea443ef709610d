"""How much truer the surface becomes by the bump map: normals of rendered heads that nothing was learned from, beside
shape from shading and luminance taken for height; and photographs, beside the published network's maps.

    .venv/bin/python -m benchmarks.bump [--faces-dev] [--json]
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from benchmarks import faces_dev_bump
from benchmarks.command import add_count, add_faces_dev, figures_parser, in_processes, markdown, tell
from extreme3d_ros.geometry.depth_mesh import depth_mesh
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.records import HIDDEN, VISIBLE
from extreme3d_ros.stages.bump_network import DEFAULT_NETWORK
from extreme3d_ros.stages.layers import NetworkLayers, ShadingLayers
from training.bump.renders import Observer, Seen
from training.bump.train import area_under_roc
from training.faces.generator import Wish

#: Seeds from here on are for measuring; below it for learning.
HELD_OUT = 1_000_000
KINDS = {"clear": None, "sunglasses": "sunglasses", "hand": "hand", "hair": "hair"}
WAYS = ("foundation", "luminance", "shading", "network")
#: Luminance as height: what is smoother than this (sigma, pixels) is left out, and the rest has this rms, metres.
_LUMINANCE_SIGMA, _LUMINANCE_RMS = 10.0, 3e-4


class Bench:
    """Everything a process needs to measure single faces."""

    def __init__(self, network: Path):
        self.observe = Observer()
        model = self.observe.model
        self.makers = {"shading": ShadingLayers(model), "network": NetworkLayers(model, network)}

    def __call__(self, seed: int, kind: str | None) -> dict[str, float]:
        """angle_*: mean degrees between the surface's normals and the true ones on visible skin; object_*: rms of the
        bump on what hides the face, mm; roc_*: of the occlusion labels."""
        wish = Wish(size=(480, 480), share=0.0 if kind is None else None, kind=kind, most_yaw=60.0, near=(0.5, 0.8))
        seen = self.observe(seed, wish)
        if seen is None:
            return {}
        layers = {name: make(seen.crop, seen.surface, {}) for name, make in self.makers.items()}
        bumps = {"foundation": np.zeros_like(seen.truth.bump), "luminance": luminance_as_height(seen)}
        bumps |= {name: layer.bump for name, layer in layers.items()}
        truth, labels = seen.truth, layers["network"].occlusion
        side = seen.surface.raster.covered & np.isfinite(truth.bump)
        where = side & truth.mask & (seen.surface.facing > 0.3)
        found = {f"angle_{name}": angle(seen, bump, where) for name, bump in bumps.items()}
        if kind is not None:
            dark = side & truth.object
            if np.count_nonzero(dark) > 100:
                found |= {f"object_{name}": _rms_mm(bump[dark]) for name, bump in bumps.items()}
            visible_side = (labels == VISIBLE) | (labels == HIDDEN)
            both = visible_side & side
            for name, layer in layers.items():
                found[f"roc_{name}"] = area_under_roc((layer.occlusion == HIDDEN)[both], truth.object[both])
        return found


def angle(seen: Seen, bump: np.ndarray, where: np.ndarray) -> float:
    """Mean degrees between the normals of the surface with a bump (512, 512) and the true ones."""
    depth = seen.surface.raster.depth - bump
    vertices, faces, pixels = depth_mesh(depth, seen.surface.raster.covered, seen.crop.camera)
    x, y = pixels.T
    kept = where[y, x] & (np.linalg.norm(seen.truth.normals[y, x], axis=1) > 0.5)
    cosine = np.sum(vertex_normals(vertices, faces)[kept] * seen.truth.normals[y, x][kept], axis=1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def luminance_as_height(seen: Seen) -> np.ndarray:
    """Dark is deep: the crop's luminance, less what is smooth, as metres (512, 512)."""
    covered = seen.surface.raster.covered
    light = cv2.cvtColor(seen.crop.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    light = np.where(covered, light - smooth_over(light, covered, _LUMINANCE_SIGMA), 0)
    return (light * (_LUMINANCE_RMS / max(float(np.sqrt(np.mean(light[covered] ** 2))), 1e-6))).astype(np.float32)


def _rms_mm(values) -> float:
    return float(1e3 * np.sqrt(np.mean(values.astype(np.float64) ** 2)))


_bench = lru_cache(1)(Bench)


def _job(arguments):
    network, seed, name = arguments
    return name, _bench(network)(seed, KINDS[name])


def measure(network: Path, count: int) -> dict:
    """{kind: {figure: mean over `count` faces}}."""
    jobs = [(network, HELD_OUT + 10_000 * number + n, name) for number, name in enumerate(KINDS) for n in range(count)]
    values: dict = defaultdict(list)
    for name, figures in in_processes(_job, jobs):
        for figure, value in figures.items():
            values[name, figure].append(value)
    return {
        name: {figure: float(np.nanmean(found)) for (of, figure), found in sorted(values.items()) if of == name}
        for name in KINDS
    }


def table(measured: dict) -> str:
    """The figures as markdown."""
    rows = [
        ("angle", "normals, degrees off the truth", tuple(KINDS)),
        ("object", "bump on what hides the face, mm rms", tuple(KINDS)[1:]),
        ("roc", "hidden or not: area under the ROC curve, of labels", tuple(KINDS)[1:]),
    ]
    lines = []
    for figure, label, kinds in rows:
        for kind in kinds:
            of = [measured[kind].get(f"{figure}_{way}") for way in WAYS]
            lines.append([label, kind, *("" if value is None else f"{value:.2f}" for value in of)])
    return markdown(["", "", *WAYS], lines)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("bump", __doc__)
    add_count(parser, 30, "faces of each kind")
    add_faces_dev(parser)
    parser.add_argument("--network", type=Path, default=DEFAULT_NETWORK, help="another bump network")
    arguments = parser.parse_args()
    if arguments.faces_dev:
        tell(arguments, faces_dev_bump.measure(arguments.network), faces_dev_bump.table)
    else:
        tell(arguments, measure(arguments.network, arguments.count), table)


if __name__ == "__main__":
    main()
