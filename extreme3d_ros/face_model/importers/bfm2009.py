"""The Basel Face Model 2009 as modified for the CVPR 2018 release: `BaselFaceModel_mod.h5` or `.mat`, millimetres.

F = shapeMU + shapePC (shapeEV alpha) + expMU + expPC (expEV eta): coefficients in standard deviations (Eqs. 1 and 2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.importers.source import UNKNOWN, Source, indices, modes, positions, triangles
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.named_arrays import read_named

_SHAPE = ("shapeMU", "shapePC", "shapeEV")
_EXPRESSION = ("expMU", "expPC", "expEV")
_INDICES = ("faces", "pair", "innerLandmarkIndex", "outerLandmarkIndex")
_JAW, _INNER = 17, 51


def read_bfm2009(path: Path) -> Source:
    """Textures are left out: the road takes its colours from the image."""
    arrays = read_named(path, _SHAPE + _EXPRESSION + _INDICES)
    mean = positions(arrays["shapeMU"], "shapeMU")
    offset = positions(arrays["expMU"], "expMU")
    if offset.shape != mean.shape:
        raise Broken(f"expMU has {len(offset)} vertices and shapeMU {len(mean)}")
    V = len(mean)
    pair = indices(arrays["pair"], "pair").ravel()
    if len(pair) != V:
        raise Broken(f"pair has {len(pair)} entries, not {V}")
    return Source(
        name="bfm2009",
        metres=1e-3,
        mean=mean + offset,
        shape_modes=modes(arrays["shapePC"], arrays["shapeEV"], V, "shapePC"),
        expression_modes=modes(arrays["expPC"], arrays["expEV"], V, "expPC"),
        faces=triangles(arrays["faces"], "faces"),
        landmarks68=_landmarks(arrays),
        mirror=pair,
    )


def _landmarks(arrays) -> np.ndarray:
    """(68,) vertices. Lists of another length than the standard's are candidates, not points: those stay unknown."""
    inner = indices(arrays["innerLandmarkIndex"], "innerLandmarkIndex").ravel()
    outer = indices(arrays["outerLandmarkIndex"], "outerLandmarkIndex").ravel()
    points = np.full(_JAW + _INNER, UNKNOWN)
    if len(inner) == _INNER:
        points[_JAW:] = inner
    if len(outer) == _JAW:
        points[:_JAW] = outer
    return points
