"""The paper's own lessons (Sec. 4.1): photographs of faces that nothing hides, shape from shading as the teacher."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import HIDDEN, VISIBLE, Observation
from extreme3d_ros.stages.face_window import WindowMaker
from extreme3d_ros.stages.layers import ShadingLayers
from training import kept_files
from training.bump.renders import Seen, row_of
from training.bump.truth import Truth

_SUFFIXES = (".png", ".jpg", ".jpeg")


def make(folder: Path, file: Path) -> int:
    """Writes samples of a folder's photographs as training/bump/renders.py keeps them; how many faces were found."""
    model = load_face_model()
    fast, maker = FastPath(model, layers=ShadingLayers(model)), WindowMaker(model)
    images = (cv2.imread(str(path)) for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES)
    rows = [row for image in images if image is not None and (row := _row(fast, maker, image))]
    if rows:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept_files.write(file, rows)
    return len(rows)


def _row(fast: FastPath, maker: WindowMaker, image: np.ndarray) -> dict[str, np.ndarray] | None:
    found = fast(frame_of(image))
    return row_of(taught(found[0]), maker) if found else None


def taught(seen: Observation) -> Seen:
    """An observation with the teacher's bump in the truth's place; the whole visible side counts as skin."""
    labels = seen.layers.occlusion
    side = (labels == VISIBLE) | (labels == HIDDEN)
    bump = np.where(labels == VISIBLE, seen.layers.bump, np.float32(np.nan))
    return Seen(seen.crop, seen.foundation, seen.surface, Truth(bump, side, np.zeros_like(side), seen.surface.normals))
