"""Viewpoints: from where a camera looks at a face, in the face's own frame."""

from __future__ import annotations

import numpy as np

from extreme3d_ros.records import Foundation


def direction_of(foundation: Foundation) -> np.ndarray:
    """(3,) float32, unit: from the head's origin towards the camera, in the model's frame (x to the person's left, y
    up, z out of the face). That of the mirrored face has the opposite x.

    A turn of the head about the line of sight doesn't change it, and it changes nothing of what is seen of the face.
    """
    direction = foundation.to_model(np.zeros(3))
    return direction / np.linalg.norm(direction)
