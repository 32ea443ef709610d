"""The head's pose -> a transform of TF."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from std_msgs.msg import Header

from extreme3d_ros.messages.pose import to_pose

try:
    from tf2_msgs.msg import TFMessage as TFMessage
except ImportError:  # every ROS 2 has it, but PyPI doesn't
    TFMessage = None

#: Columns: forward, left, up in the model's frame, whose x points to the person's left, y up and z out of the face.
_BODY_AXES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def face_transform(R: np.ndarray, t: np.ndarray, header: Header, frame: str) -> TransformStamped:
    """From a head's pose p_camera = R p_model + t, metres, to the frame `frame` in header.frame_id, the camera's.

    Its axes are those of a body in REP-103 and of a face in REP-155: x forward out of the face, y to the person's left,
    z up. Its origin is the pose's, within 5 mm of the mean face's sellion.
    """
    pose = to_pose(R @ _BODY_AXES, t)
    p = pose.position
    transform = Transform(translation=Vector3(x=p.x, y=p.y, z=p.z), rotation=pose.orientation)
    return TransformStamped(header=header, child_frame_id=frame, transform=transform)
