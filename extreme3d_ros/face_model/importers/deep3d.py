"""Deep3DFaceRecon's face model `BFM_model_front.mat`, decimetres: 80 identity and 64 expression modes.

F = meanshape + idBase alpha + exBase eta: the bases hold one standard deviation each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import UNKNOWN, Source, indices, modes, positions, triangles
from extreme3d_ros.untrusted.named_arrays import read_named


def read_deep3d(path: Path) -> Source:
    arrays = read_named(path, ("meanshape", "idBase", "exBase", "tri", "keypoints"))
    mean = positions(arrays["meanshape"], "meanshape")
    keypoints = indices(arrays["keypoints"], "keypoints").ravel()
    return Source(
        name="deep3d-bfm",
        metres=0.1,
        mean=mean,
        shape_modes=modes(arrays["idBase"], 1.0, len(mean), "idBase"),
        expression_modes=modes(arrays["exBase"], 1.0, len(mean), "exBase"),
        faces=triangles(arrays["tri"], "tri"),
        landmarks68=keypoints if len(keypoints) == 68 else np.full(68, UNKNOWN),
    )
