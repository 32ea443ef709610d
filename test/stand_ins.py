"""What nodes are tested with where no face is needed."""

import numpy as np
from std_msgs.msg import Header

from extreme3d_ros.camera import Camera
from extreme3d_ros.messages.observation import Received
from extreme3d_ros.records import Crop, FaceMesh, Foundation, Layers

#: A mesh of one triangle.
TRIANGLE = FaceMesh(
    np.eye(3, dtype=np.float32),
    np.array([[0, 1, 2]], np.int32),
    np.full((3, 3), 99, np.uint8),
    np.ones(3, bool),
)


class FacelessRoad:
    """In the place of LivePath: sees no face."""

    known = frozenset()

    def __init__(self, *arguments):
        pass

    def track(self, frame, stamp, max_faces):
        return []

    def observe(self, frame, faces, stamp, timings):
        return iter(())

    def close(self):
        pass


def received(header=None, **changes):
    """A sound observation of three vertices, but for the changes: bump, vertices, t, camera."""
    near = np.array([0.0, 0.0, 0.6])
    vertices = (np.eye(3) * 0.1 + near).astype(np.float32)
    given = {"bump": np.zeros((512, 512), np.float32), "vertices": vertices, "t": near} | changes
    crop = Crop(np.zeros((512, 512, 3), np.uint8), given.get("camera", Camera.assumed(512, 512)), np.eye(3))
    foundation = Foundation(given["vertices"], np.eye(3), given["t"])
    return Received(header or Header(), crop, foundation, Layers(given["bump"], np.zeros((512, 512), np.uint8)))
