"""The pose of a head as its window shows it, so that a network which sees nothing else can tell it.

A window is a camera of its own at the place of the camera that took the picture: it looks at the window's middle, its x
and y run along the window's sides, and its focal length is FOCAL sides. A pose (6,) is told for this camera:

- pose[:3], radians: the rotation vector that turns a head which faces the camera upright to how it is held, so that
  p_window = exp(pose[:3]) FACING p_model + translation;
- pose[3:], metres: where the model's origin lies, to the right, down and away. The picture doesn't show how far away
  that is, only the distance over the focal length: it is the distance at which a camera of FOCAL sides would see the
  head as large.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from extreme3d_ros.stages.detection.region import Region

#: Focal length in sides of the window: the renders' median.
FOCAL = 2.3
#: From the model's axes (x its left, y up, z out of the face) to those of a camera that it faces.
FACING = np.diag([1.0, -1.0, -1.0])
#: What a mirror makes of a pose.
MIRRORED = np.float32([1, -1, -1, -1, 1, 1])


def pose_shown(R: np.ndarray, t: np.ndarray, K: np.ndarray, region: Region) -> np.ndarray:
    """The pose (6,) in a region of a picture, in its pixels, of a head of R (3, 3) and t (3,), metres, in the frame of
    the picture's camera K (3, 3)."""
    turn = _turn(K, region)
    rotation = Rotation.from_matrix(turn @ R @ FACING).as_rotvec()
    return np.concatenate([rotation, turn @ t * [1.0, 1.0, _nearer(K, region)]])


def pose_in_camera(pose: np.ndarray, K: np.ndarray, region: Region) -> tuple[np.ndarray, np.ndarray]:
    """R and t again, of a pose."""
    turn = _turn(K, region)
    R = turn.T @ Rotation.from_rotvec(pose[:3]).as_matrix() @ FACING
    return R, turn.T @ (pose[3:] / [1.0, 1.0, _nearer(K, region)])


def _turn(K, region):
    """(3, 3): from the camera's frame to the window's."""
    x, y, z = np.linalg.solve(K, [region.x - 0.5, region.y - 0.5, 1.0])
    aside = np.hypot(x, y)
    to_middle = np.array([y, -x, 0.0]) * (np.arctan2(aside, z) / max(aside, 1e-12))
    return (Rotation.from_euler("z", -region.angle) * Rotation.from_rotvec(to_middle)).as_matrix()


def _nearer(K, region) -> float:
    return FOCAL * region.side / K[0, 0]
