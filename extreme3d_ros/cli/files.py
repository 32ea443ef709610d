"""Folders and pictures that commands leave."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.output.atomic import made_folder, remove_abandoned, write_bytes


def output_folder(path: str) -> Path:
    """The folder, made if need be. Raises InputError where it can't be."""
    folder = made_folder(path, "name another with --out")
    remove_abandoned(folder)
    return folder


def write_import(data: bytes, out: str | None, usual: Path) -> Path:
    """Writes what was imported to --out, else to its usual place; the path. Raises InputError where it can't be."""
    path = Path(out) if out else usual
    return write_bytes(output_folder(str(path.parent)) / path.name, data)


def png(image: np.ndarray) -> bytes:
    """An image as PNG."""
    return cv2.imencode(".png", image)[1].tobytes()
