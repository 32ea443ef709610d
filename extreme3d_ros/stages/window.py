"""What the foundation network is shown of a face: a square of the image about the detected points, eyes level, and how
the points lie about those of the mean face, posed as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.fitting import pose_by_points
from extreme3d_ros.stages.detection.region import Region

#: Side of the window in those of the square about the points.
_MARGIN = 1.6
_OUTER_EYE_CORNERS = (33, 263)


@dataclass(frozen=True)
class Window:
    """region: of the image; residual: (468, 2) detected points from the mean face's, in sides of the window along its
    axes; rotation: (3, 3) of the head, by the mean face, from the model's frame to the window's axes."""

    region: Region
    residual: np.ndarray
    rotation: np.ndarray


def window_about(points: np.ndarray, camera: Camera, mean_points: np.ndarray) -> Window:
    """The window of MediaPipe's points (468, 2), in the camera's pixels; mean_points: (468, 3) on the mean face.

    Raises ValueError where no pose explains the points.
    """
    R, t = pose_by_points(mean_points, points, camera)
    across = points[_OUTER_EYE_CORNERS[1]] - points[_OUTER_EYE_CORNERS[0]]
    angle = float(np.arctan2(across[1], across[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = points @ turn
    low, high = turned.min(0), turned.max(0)
    side = max(_MARGIN * float((high - low).max()), 1.0)
    centre = turn @ (low + high) / 2 + 0.5
    residual = (points - camera.project(mean_points @ R.T + t)) @ turn / side
    level = np.eye(3)
    level[:2, :2] = turn.T
    return Window(Region(*map(float, centre), side, angle), residual, level @ R)
