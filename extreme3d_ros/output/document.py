"""STEM.json: what is known of the faces of an image or a film, in plain numbers (CONTRACT.md)."""

from __future__ import annotations

import json

import numpy as np

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.records import Completed, Frame, Observation


def document(frame: Frame, faces: list[dict]) -> bytes:
    """The whole file; faces: one `face_entry` each."""
    return json.dumps({**_camera(frame), "faces": faces}, indent=1).encode()


def film_document(frame: Frame, rate: float, frames: list[str]) -> bytes:
    """The whole file of a film. frame: any of it; rate: frames a second; frames: a `film_entry` each, a line each."""
    head = json.dumps({**_camera(frame), "rate": rate})
    return "\n".join([head[:-1] + ', "frames": [', ",\n".join(frames), "]}"]).encode()


def film_entry(number: int, time: float, faces: dict[str, dict]) -> str:
    """A frame of a film, as JSON. time: seconds since the first; faces: a `face_entry` for each id."""
    entries = [{"id": identity, **entry} for identity, entry in faces.items()]
    return json.dumps({"frame": number, "time": round(time, 6), "faces": entries})


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


def _camera(frame: Frame) -> dict:
    height, width = frame.image.shape[:2]
    return {"image_size": [width, height], "K": _rounded(frame.camera.K)}


def _rounded(values):
    return np.round(np.asarray(values, np.float64), 6).tolist()
