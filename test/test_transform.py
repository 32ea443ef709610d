"""The head as a frame of TF: where it is and which way it looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from scipy.spatial.transform import Rotation  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.messages.transform import TFMessage, face_transform  # noqa: E402

HEADER = Header(frame_id="camera")
#: A head that looks into the camera, upright: its left is the image's right, its up the image's top, its out nearer.
FACING = np.diag([1.0, -1.0, -1.0])


def rotation(transform):
    q = transform.transform.rotation
    return Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()


def test_a_face_that_looks_into_the_camera_has_x_towards_it_and_z_up():
    transform = face_transform(FACING, np.array([0.1, 0.2, 0.7]), HEADER, "face")
    assert (transform.header.frame_id, transform.child_frame_id) == ("camera", "face")
    forward, left, up = rotation(transform).T
    np.testing.assert_allclose(forward, [0, 0, -1], atol=1e-12)  # towards the camera
    np.testing.assert_allclose(left, [1, 0, 0], atol=1e-12)  # right in the image
    np.testing.assert_allclose(up, [0, -1, 0], atol=1e-12)  # up in the image
    p = transform.transform.translation
    assert (p.x, p.y, p.z) == (0.1, 0.2, 0.7)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_a_point_of_the_face_is_where_the_pose_puts_it(turn, t):
    R, t = Rotation.from_rotvec(turn).as_matrix(), np.array(t)
    transform = face_transform(R, t, HEADER, "face")
    out, left, up = 0.03, 0.02, -0.05
    in_camera = rotation(transform) @ [out, left, up] + t
    np.testing.assert_allclose(in_camera, R @ [left, up, out] + t, atol=1e-9)


def test_the_pose_lies_at_the_mean_faces_sellion():
    from extreme3d_ros.profiles import face_model_of

    model = face_model_of("default", "")
    sellion = model.landmarks68.on(model.faces, model.mean)[27]
    assert np.linalg.norm(sellion) < 5.5e-3


@pytest.mark.skipif(not TFMessage, reason="tf2_msgs is not installed")
def test_a_transform_travels_as_tf():
    from rclpy.serialization import deserialize_message, serialize_message

    sent = TFMessage(transforms=[face_transform(FACING, np.zeros(3), HEADER, "face")])
    assert deserialize_message(serialize_message(sent), TFMessage) == sent
