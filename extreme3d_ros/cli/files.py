"""Folders and pictures that commands leave."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.errors import InputError


def output_folder(path: str) -> Path:
    """The folder, made if need be. Raises InputError where it can't be."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}; name another with --out") from error
    return Path(path)


def png(image: np.ndarray) -> bytes:
    """An image as PNG."""
    return cv2.imencode(".png", image)[1].tobytes()
