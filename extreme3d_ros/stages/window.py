"""What the foundation network is shown of a face: a square of the image about the detected points, eyes level, and how
the points lie about those of the mean face, posed as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model.fitting import pose_by_points
from extreme3d_ros.stages.detection.mesh import around
from extreme3d_ros.stages.detection.region import Region

#: Side of the window in those of the square about the points.
_MARGIN = 1.6


@dataclass(frozen=True)
class Window:
    """region: of the image; residual: (468, 2) detected points from the mean face's, in sides of the window along its
    axes; rotation: (3, 3) of the head, by the mean face, from the model's frame to the window's axes."""

    region: Region
    residual: np.ndarray
    rotation: np.ndarray


def window_about(points: np.ndarray, camera: Camera, mean_points: np.ndarray) -> Window:
    """The window of MediaPipe's points (468, 2), in the camera's pixels; mean_points: (468, 3) on the mean face.

    Raises NoPose where no pose explains the points.
    """
    R, t = pose_by_points(mean_points, points, camera)
    region = around(points + 0.5, _MARGIN)
    region = replace(region, side=max(region.side, 1.0))
    to_window = np.linalg.inv(region.to_image(1)[:, :2])
    residual = (points - camera.project(mean_points @ R.T + t)) @ to_window.T
    level = np.eye(3)
    level[:2, :2] = region.side * to_window
    return Window(region, residual, level @ R)
