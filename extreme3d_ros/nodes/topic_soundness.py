"""What an observation from topics must be for completion to take it."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.observation import Received
from extreme3d_ros.records import CROP_SIZE

#: Metres: what no bump is higher than, and no head longer.
_HIGHEST_BUMP, _LONGEST_HEAD = 0.1, 1.0


def check_sound(received: Received) -> None:
    """Raises InputError, naming the topic, where numbers are not finite or no head's: completion would make a mesh of
    them that nobody can show, or take minutes."""
    camera, bump, foundation = received.crop.camera, received.layers.bump, received.foundation
    if (camera.width, camera.height) != (CROP_SIZE, CROP_SIZE):
        size = f"{camera.width} x {camera.height}"
        raise InputError(
            f"crop/camera_info is for {size} pixels, not {CROP_SIZE} x {CROP_SIZE}; check who publishes it"
        )
    if not np.abs(bump).max() <= _HIGHEST_BUMP:
        raise InputError("bump_map is not in metres, or not finite; check who publishes it")
    vertices = foundation.vertices
    if not (len(vertices) and np.isfinite(vertices).all() and vertices[:, 2].min() > 0):
        raise InputError("foundation has vertices that are not finite, or behind the camera; check who publishes it")
    if not np.ptp(vertices, axis=0).max() <= _LONGEST_HEAD:
        raise InputError("foundation is larger than a head; its unit is the metre; check who publishes it")
    if not (foundation.t[2] > 0 and np.linalg.norm(foundation.t - vertices.mean(0)) <= _LONGEST_HEAD):
        raise InputError("pose is not where the foundation is; check who publishes it")
