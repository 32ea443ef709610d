"""STEM.json: what is known of an image's faces, in plain numbers (CONTRACT.md)."""

from __future__ import annotations

import json

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Completed, Frame, Observation


def document(frame: Frame, faces: list[dict]) -> bytes:
    """The whole file; faces: one `face_entry` each."""
    height, width = frame.image.shape[:2]
    return json.dumps({"image_size": [width, height], "K": _rounded(frame.camera.K), "faces": faces}, indent=1).encode()


def face_entry(model: FaceModel, frame: Frame, observation: Observation, completed: Completed | None) -> dict:
    """One face. Without completion the landmarks are the foundation's and hole_filling is None."""
    foundation, coefficients = observation.foundation, observation.coefficients
    vertices = completed.steady.vertices[: len(model.mean)] if completed else foundation.vertices
    landmarks = frame.camera.project(model.landmarks68.on(model.faces, vertices))
    timings = {**observation.timings_ms, **(completed.timings_ms if completed else {})}
    return {
        "bbox": _rounded(observation.face.bbox),
        "pose": {"R": _rounded(foundation.R), "t": _rounded(foundation.t)},
        "model": model.name,
        "shape": _rounded(coefficients.shape),
        "expression": _rounded(coefficients.expression),
        "landmarks68": _rounded(landmarks),
        "occluded_fraction": _rounded(observation.layers.occluded_fraction),
        "hole_filling": {name: round(share, 6) for name, share in completed.filled_from.items()} if completed else None,
        "confidence": _rounded(observation.confidence),
        "timings_ms": {stage: round(ms, 3) for stage, ms in timings.items()},
    }


def _rounded(values):
    return np.round(np.asarray(values, np.float64), 6).tolist()
