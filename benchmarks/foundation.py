"""How near the foundation comes to the truth: rendered heads that nothing was learned from, clear and half hidden,
beside the mean face and MediaPipe's own mesh; and the landmarks of photographs.

    .venv/bin/python -m benchmarks.foundation [--faces-dev] [--json]
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks import faces_dev
from benchmarks.command import add_count, add_faces_dev, figures_parser, in_processes, markdown, tell
from benchmarks.mediapipe_mesh import MediaPipeMesh
from benchmarks.scan_to_mesh import ALIGNED, ToMesh, distances_mm, normalised, within_area
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.records import Frame
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.foundation import FoundationFit
from extreme3d_ros.stages.foundation_network import DEFAULT_NETWORK
from training.faces.generator import FaceGenerator, Wish

YAWS = (0, 15, 30, 45, 60)
SHARES = {"clear": 0.0, "a third hidden": 1 / 3}
#: Seeds from here on are for measuring; below it for learning.
HELD_OUT = 1_000_000
FIGURES = {
    "mesh_mean": "scan-to-mesh, mean face, mm",
    "mesh_mediapipe": "scan-to-mesh, MediaPipe's mesh, mm",
    "mesh_ours": "scan-to-mesh, ours, mm",
    "neutral_mean": "neutral face, mean face, mm",
    "neutral_ours": "neutral face, ours, mm",
    "rotation": "head pose, degrees",
    "translation": "head position, mm",
    "landmarks": "68 landmarks, % of the outer eye corners' distance",
    "found": "faces found, %",
}


class Bench:
    """Everything a process needs to measure single faces."""

    def __init__(self, network: Path):
        self.generator = FaceGenerator()
        self.model = self.generator.heads.model
        self.detection, self.crop = Detection(), FaceCrop(self.model)
        self.fit = FoundationFit(self.model, network=network)
        self.rival = MediaPipeMesh(self.model)
        self.area = within_area(self.generator.heads.ict.uv)
        self.to_mesh = ToMesh(self.generator.heads)

    def __call__(self, seed: int, yaw: float, share: float) -> dict[str, float]:
        """The figures of one face; those that need a detection are left out where there is none."""
        truth = self.generator(seed, Wish(yaw=yaw, share=share, most_pitch=15.0, roll_deviation=6.0))
        points68 = self.to_mesh.points68(truth.vertices)
        scan, neutral = normalised(truth.skin[self.area], points68), self.to_mesh.scanned(truth.neutral)
        result = {}
        if not share:  # the same face hidden would give the same figures
            result["mesh_mean"] = self.to_mesh(scan, self.model.mean)
            result["neutral_mean"] = self.to_mesh(neutral, self.model.mean)
        faces, rival = self.detection(truth.image), self.rival(truth.image)
        if rival is not None:
            marks = rival[self.rival.like68[ALIGNED]]
            result["mesh_mediapipe"] = float(np.median(distances_mm(scan, rival, self.rival.triangles, marks)))
        result["found"] = 100.0 * bool(faces)
        if not faces:
            return result
        frame = Frame(truth.image, truth.camera)
        foundation, coefficients, _ = self.fit(frame, faces[0], self.crop(frame, faces[0]))
        result["mesh_ours"] = self.to_mesh(scan, foundation.vertices)
        result["neutral_ours"] = self.to_mesh(neutral, self.model.vertices(coefficients.shape, np.zeros(0)))
        turned = np.clip((np.trace(foundation.R.T @ truth.R) - 1) / 2, -1, 1)
        result["rotation"] = float(np.degrees(np.arccos(turned)))
        result["translation"] = float(np.linalg.norm(foundation.t - truth.t) * 1e3)
        result["landmarks"] = self._landmark_error(foundation.vertices, points68, truth.camera)
        return result

    def _landmark_error(self, vertices, truth, camera) -> float:
        """Mean % of the outer eye corners' distance, as large as it looks when the face is turned to the camera."""
        unit = camera.K[0, 0] * np.linalg.norm(truth[36] - truth[45]) / truth[:, 2].mean()
        off = camera.project(self.to_mesh.points68(vertices)) - camera.project(truth)
        return float(100 * np.linalg.norm(off, axis=1).mean() / unit)


_bench = lru_cache(1)(Bench)


def _job(arguments):
    network, *face = arguments
    return face[1:], _bench(network)(*face)


def measure(network: Path, count: int) -> dict:
    """{condition: {figure: {|yaw|: mean over the faces}}}, of `count` faces to either side at each yaw."""
    jobs = [
        (network, HELD_OUT + 1000 * yaw + n, float(yaw if n % 2 else -yaw), share)
        for yaw in YAWS
        for n in range(2 * count)
        for share in SHARES.values()
    ]
    values: dict = defaultdict(list)
    names = {share: name for name, share in SHARES.items()}
    for (yaw, share), figures in in_processes(_job, jobs):
        for figure, value in figures.items():
            values[names[share], figure, abs(int(yaw))].append(value)

    def at_yaws(*key):
        return {yaw: float(np.mean(values[(*key, yaw)] or [np.nan])) for yaw in YAWS}

    return {name: {figure: at_yaws(name, figure) for figure in FIGURES} for name in SHARES}


def table(measured: dict) -> str:
    """The figures as markdown."""
    lines = []
    for figure, label in FIGURES.items():
        for name in SHARES:
            row = list(measured[name][figure].values())
            if not np.isnan(row).all():
                lines.append([label, name, *(f"{value:.2f}" for value in (*row, np.nanmean(row)))])
    return markdown(["", "", *(f"{yaw}°" for yaw in YAWS), "mean"], lines)


def main() -> None:
    """Prints the tables."""
    parser = figures_parser("foundation", __doc__)
    add_count(parser, 8, "faces to either side at each yaw")
    add_faces_dev(parser)
    parser.add_argument("--network", type=Path, default=DEFAULT_NETWORK, help="another foundation network")
    arguments = parser.parse_args()
    if arguments.faces_dev:
        tell(arguments, faces_dev.measure(load_face_model(), arguments.network), faces_dev.table)
    else:
        tell(arguments, measure(arguments.network, arguments.count), table)


if __name__ == "__main__":
    main()
