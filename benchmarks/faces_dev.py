"""Landmark error on the photographs of shared/data/faces_dev (for measuring only), in % of the distance between the
outer eye corners."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import markdown
from benchmarks.mediapipe_mesh import MediaPipeMesh
from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.stages.crop import FaceCrop
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.foundation import FoundationFit

FOLDER = Path(__file__).parents[1] / "../shared/data/faces_dev"
GROUPS = {"all 68": slice(0, 68), "inner 51": slice(17, 68)}


def measure(model: FaceModel, network: Path, folder: Path = FOLDER) -> dict:
    """{"photographs", "missed", "errors": {who: {group: mean %}}} over the photographs where both find the face."""
    detection, crop, rival = Detection(), FaceCrop(model), MediaPipeMesh(model)
    fit = FoundationFit(model, network=network)
    errors: dict[str, list[np.ndarray]] = {"ours": [], "MediaPipe": []}
    missed, paths = [], sorted(folder.glob("[0-9][0-9].png"))
    for path in paths:
        image, truth = cv2.imread(str(path)), np.loadtxt(path.with_suffix(".pts"))
        faces, points = detection(image), rival(image)
        if not faces or points is None:
            missed.append(path.stem)
            continue
        frame = frame_of(image)
        foundation = fit(frame, faces[0], crop(frame, faces[0]))[0]
        ours = frame.camera.project(model.landmarks68.on(model.faces, foundation.vertices.astype(np.float64)))
        for who, found in (("ours", ours), ("MediaPipe", points[rival.like68, :2])):
            errors[who].append(_percent(found, truth))
    return {
        "photographs": len(paths),
        "missed": missed,
        "errors": {
            who: {group: float(np.mean([e[part].mean() for e in found])) for group, part in GROUPS.items()}
            for who, found in errors.items()
        },
    }


def _percent(found, truth):
    """(68,) distances in % of the outer eye corners' distance."""
    return 100 * np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth[36] - truth[45])


def table(measured: dict) -> str:
    """The figures as markdown."""
    rows = ([who, *(f"{of[group]:.2f}" for group in GROUPS)] for who, of in measured["errors"].items())
    return (
        f"{measured['photographs']} photographs, {len(measured['missed'])} missed; mean error, % of the outer eye "
        f"corners' distance:\n\n{markdown(['', *GROUPS], rows)}"
    )
