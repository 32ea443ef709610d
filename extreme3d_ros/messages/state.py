"""Observation -> FaceState, where the package's own interface is built (colcon)."""

from __future__ import annotations

from std_msgs.msg import Header

from extreme3d_ros.messages.pose import to_pose
from extreme3d_ros.records import Observation

try:
    from extreme3d_ros.msg import FaceState
except ImportError:  # installed by pip
    FaceState = None


def observation_to_state(seen: Observation, header: Header) -> FaceState:
    """Id, coefficients, pose, confidence and occluded fraction of a face."""
    return FaceState(
        header=header,
        id=seen.id,
        shape=seen.coefficients.shape.tolist(),
        expression=seen.coefficients.expression.tolist(),
        pose=to_pose(seen.foundation.R, seen.foundation.t),
        confidence=float(seen.confidence),
        occluded_fraction=float(seen.layers.occluded_fraction),
        bbox=[float(value) for value in seen.face.bbox],
    )
