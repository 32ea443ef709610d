"""Rotation and translation <-> Pose."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from scipy.spatial.transform import Rotation

from extreme3d_ros.errors import InputError


def to_pose(R: np.ndarray, t: np.ndarray) -> Pose:
    """p_camera = R p_model + t, R (3, 3), t (3,) metres, as a Pose whose quaternion has w >= 0."""
    x, y, z, w = Rotation.from_matrix(R).as_quat(canonical=True).tolist()
    position = np.asarray(t, float).tolist()
    return Pose(position=Point(x=position[0], y=position[1], z=position[2]), orientation=Quaternion(x=x, y=y, z=z, w=w))


def from_pose(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """R (3, 3) and t (3,) of a Pose. Raises InputError where its quaternion is no rotation."""
    q, p = pose.orientation, pose.position
    quaternion, t = np.array([q.x, q.y, q.z, q.w]), np.array([p.x, p.y, p.z])
    norm = np.linalg.norm(quaternion)
    if not np.isfinite(t).all() or not abs(norm - 1.0) < 1e-3:
        raise InputError(f"pose is no rigid motion: quaternion {quaternion.tolist()}, position {t.tolist()}")
    return Rotation.from_quat(quaternion / norm).as_matrix(), t
