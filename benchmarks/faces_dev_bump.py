"""Bump maps and occlusion labels on the photographs of shared/data/faces_dev (for measuring only), beside the published
network's maps of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.command import markdown
from benchmarks.faces_dev import FOLDER
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import HIDDEN, VISIBLE
from extreme3d_ros.stages.bump_network import BumpNetwork
from extreme3d_ros.stages.layers import NetworkLayers, ShadingLayers
from training.bump.train import area_under_roc

#: What is smoother (sigma, pixels) is left out of the correlation; the mask is made smaller by this many pixels.
_SIGMA, _ERODED = 5.0, 7
#: Grey levels between the published map before and after hole filling that mean an occluder (shared/data/README.md).
_FILLED = 15
#: Map pixels over image pixels of the published crop.
_SHIFT = 6


def measure(network: Path, folder: Path = FOLDER) -> dict:
    """{figure: [value of each photograph]}; correlations with NN_bump, areas under the ROC curve of occluders."""
    model = load_face_model()
    fast = FastPath(model, None, NetworkLayers(model, network))
    asked, shading = BumpNetwork(model, network), ShadingLayers(model)
    rows = []
    for path in sorted(folder.glob("[0-9][0-9].png")):
        image = cv2.imread(str(path))
        seen = fast(frame_of(image))[0]
        to_map = np.array(seen.crop.crop_to_image[:2])
        to_map[:, 2] += _SHIFT
        published, mask, filled = (
            cv2.imread(str(path.with_name(f"{path.stem}_{name}.png")), 0).astype(np.float32)
            for name in ("bump", "mask", "blended")
        )
        taught = shading(seen.crop, seen.surface, {})
        maps = {
            "luminance": cv2.cvtColor(seen.crop.image, cv2.COLOR_BGR2GRAY),
            "shading": taught.bump,
            "network": seen.layers.bump,
        }
        maps = {name: cv2.warpAffine(value.astype(np.float32), to_map, (512, 512)) for name, value in maps.items()}
        labels, by_color, hidden = (
            cv2.warpAffine(value, to_map, (512, 512), flags=cv2.INTER_NEAREST)
            for value in (seen.layers.occlusion, taught.occlusion, asked(seen.crop, seen.surface)[2])
        )
        side = (labels == VISIBLE) | (labels == HIDDEN)
        inner = cv2.erode((mask > 127).astype(np.uint8), np.ones((2 * _ERODED + 1,) * 2)) > 0
        occluder = np.abs(published - filled) > _FILLED
        row = {}
        for where, pixels in (("mask", inner & side), ("visible", inner & (labels == VISIBLE))):
            for name, value in maps.items():
                row[f"{name}, {where}"] = correlation(value, published, pixels)
        if np.count_nonzero(occluder & side) > 200:
            row["roc, network"] = area_under_roc(hidden[side], occluder[side])
            row["roc, labels"] = area_under_roc((labels == HIDDEN)[side], occluder[side])
            row["roc, skin colour"] = area_under_roc((by_color == HIDDEN)[side], occluder[side])
        rows.append(row)
    return {figure: [row[figure] for row in rows if figure in row] for figure in max(rows, key=len)}


def correlation(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Of the details of two maps (512, 512) on pixels (512, 512) bool."""
    details = [(value - smooth_over(value, where, _SIGMA))[where] for value in (a, b)]
    return float(np.corrcoef(*details)[0, 1])


def table(measured: dict) -> str:
    """The figures as markdown."""
    rows = ([name, f"{np.median(of):.3f}", f"{min(of):.3f}", str(len(of))] for name, of in measured.items())
    return markdown(["", "median", "least", "photographs"], rows)
