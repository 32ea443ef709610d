"""numpy <-> ROS messages: what goes in comes out, what is malformed is told so in one line."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import Point  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField  # noqa: E402
from std_msgs.msg import ColorRGBA, Header  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.camera_info import camera_info_to_calibration, camera_to_camera_info  # noqa: E402
from extreme3d_ros.messages.diagnostics import diagnostic_array  # noqa: E402
from extreme3d_ros.messages.images import image_to_layer, layer_to_image  # noqa: E402
from extreme3d_ros.messages.marker import (  # noqa: E402
    COLORINGS,
    SKIN,
    MarkerWriter,
    delete_marker,
    shaded_colors,
    write_marker,
)
from extreme3d_ros.messages.point_cloud import cloud_to_vertices, vertices_to_cloud  # noqa: E402
from extreme3d_ros.messages.pose import from_pose, to_pose  # noqa: E402
from extreme3d_ros.records import FaceMesh  # noqa: E402

HEADER = Header(stamp=Time(sec=12, nanosec=345), frame_id="camera_optical")


def picture(height=6, width=8, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer, encoding",
    [
        (picture(), "bgr8"),
        (picture(channels=1)[..., 0], "mono8"),
        (np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32), "32FC1"),
        (picture()[:, ::-1], "bgr8"),  # not contiguous
    ],
)
def test_layers_make_the_round_trip(layer, encoding):
    message = deserialize_message(serialize_message(layer_to_image(layer, HEADER)), Image)
    assert (message.encoding, message.header) == (encoding, HEADER)
    assert (message.height, message.width, message.step) == (6, 8, 8 * layer[0, 0].nbytes)
    assert message.is_bigendian == (sys.byteorder == "big")
    back = image_to_layer(message, encoding)
    assert back.dtype == layer.dtype
    np.testing.assert_array_equal(back, layer)
    with pytest.raises(InputError, match="is needed"):
        image_to_layer(message, "mono8" if encoding != "mono8" else "bgr8")


# --- camera info ------------------------------------------------------------------------------------------------------


def test_a_camera_makes_the_round_trip():
    camera = Camera([[500.0, 0, 300], [0, 510.0, 200], [0, 0, 1]], 640, 480)
    message = camera_to_camera_info(camera, HEADER)
    assert message.header == HEADER and list(message.p[:3]) == [500, 0, 300] and message.p[3] == 0
    calibration = camera_info_to_calibration(message)
    np.testing.assert_array_equal(calibration.camera.K, camera.K)
    assert (calibration.camera.width, calibration.camera.height) == (640, 480)
    assert calibration.distortion.size == 0


def test_an_uncalibrated_camera_is_none():
    assert camera_info_to_calibration(CameraInfo(width=640, height=480)) is None


def test_binning_and_region_of_interest_shift_the_intrinsics():
    """A point seen in a full pixel is seen in the pixel of the window that covers it."""
    full = Camera([[500.0, 0, 320.5], [0, 500.0, 200.5], [0, 0, 1]], 640, 480)
    message = camera_to_camera_info(full, HEADER)
    message.binning_x = message.binning_y = 2
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 100, 40, 400, 300
    window = camera_info_to_calibration(message).camera
    assert (window.width, window.height) == (200, 150)
    point = np.array([0.1, 0.2, 1.0])
    np.testing.assert_allclose((full.project(point) - [100, 40] - 0.5) / 2, window.project(point))


@pytest.mark.parametrize(
    "model, coefficients", [("plumb_bob", 5), ("rational_polynomial", 8), ("equidistant", 4), ("plumb_bob", 4)]
)
def test_distortion_is_read(model, coefficients):
    message = camera_to_camera_info(Camera.assumed(640, 480), HEADER)
    message.distortion_model, message.d = model, [0.1] * coefficients
    calibration = camera_info_to_calibration(message)
    assert calibration.model == model and calibration.distortion.tolist() == [0.1] * coefficients


NAN, INFINITE = float("nan"), float("inf")


def k(fx, fy, cx=319.5, cy=239.5, skew=0.0, last=(0.0, 0.0, 1.0)):
    return {"k": [fx, skew, cx, 0.0, fy, cy, *last]}


@pytest.mark.parametrize(
    "change, told",
    [
        ({"distortion_model": "unheard of", "d": [0.1]}, "1 coefficients of distortion model 'unheard of'"),
        ({"distortion_model": "x" * 9999, "d": [0.1]}, "known are plumb_bob of 4 or 5"),
        ({"d": [0.1, 0.2]}, "2 coefficients of distortion model 'plumb_bob'"),
        ({"distortion_model": "equidistant", "d": [0.1] * 5}, "equidistant of 4"),
        ({"d": [NAN] * 5}, "not finite"),
        ({"d": [0.1, 0.0, INFINITE, 0.0, 0.0]}, "not finite"),
        ({"k": [NAN] * 9}, "finite with positive focal lengths"),
        (k(NAN, 500.0), "finite with positive focal lengths"),
        (k(500.0, INFINITE), "finite with positive focal lengths"),
        (k(500.0, 500.0, cx=NAN), "finite"),
        (k(-500.0, 500.0), "positive focal lengths"),
        (k(0.0, 0.0), "positive focal lengths"),
        (k(500.0, 0.0), "positive focal lengths"),
        (k(500.0, 500.0, last=(0.0, 0.0, 0.0)), "must end with 0 0 1"),
        (k(500.0, 500.0, last=(0.0, 0.0, -1.0)), "must end with 0 0 1"),
        (k(4.0, 4.0), "no lens shows 640 x 480 pixels by fx 4, fy 4"),
        (k(1e-300, 1e-300), "no lens shows"),
        (k(1e9, 1e9), "no lens shows"),
        (k(1e300, 1e300), "no lens shows"),
        (k(500.0, 5.0), "no lens shows"),
        (k(500.0, 500.0, cx=1e5), "no lens shows"),
        (k(500.0, 500.0, cy=-1e300), "no lens shows"),
        (k(500.0, 500.0, skew=1e300), "no lens shows"),
    ],
)
def test_senseless_camera_info_is_told_in_one_short_line(change, told):
    message = camera_to_camera_info(Camera.assumed(640, 480), HEADER)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(InputError, match=re.escape(told)) as error:
        camera_info_to_calibration(message)
    line = str(error.value)
    assert line.startswith("camera_info ") and "\n" not in line and len(line) < 300


numbers = st.floats() | st.floats(-3000, 3000)


@given(
    st.lists(numbers, min_size=9, max_size=9),
    st.lists(numbers, max_size=15),
    st.sampled_from(["plumb_bob", "rational_polynomial", "equidistant", ""]) | st.text(),
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 4000), min_size=8, max_size=8),
)
@settings(max_examples=120)
def test_any_camera_info_gives_a_camera_of_finite_rays_or_is_refused(K, D, model, sizes):
    message = CameraInfo(k=K, d=D, distortion_model=model, width=sizes[0], height=sizes[1])
    message.binning_x, message.binning_y = sizes[2:4]
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = sizes[4:]
    try:
        calibration = camera_info_to_calibration(message)
    except InputError as error:
        assert "\n" not in str(error)
        return
    if calibration is not None and calibration.camera.width and calibration.camera.height:
        camera = calibration.camera
        rays = camera.rays(np.array([[0.0, 0.0], [camera.width, camera.height]]))
        assert np.isfinite(rays).all() and np.isfinite(calibration.distortion).all()


# --- points and poses -------------------------------------------------------------------------------------------------


@given(arrays(np.float32, st.tuples(st.integers(0, 50), st.just(3)), elements=st.floats(-10, 10, width=32)))
def test_vertices_make_the_round_trip(vertices):
    message = deserialize_message(serialize_message(vertices_to_cloud(vertices, HEADER)), PointCloud2)
    assert (message.height, message.width, message.point_step) == (1, len(vertices), 12)
    assert [(f.name, f.offset, f.datatype) for f in message.fields] == [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)]
    np.testing.assert_array_equal(cloud_to_vertices(message), vertices)


def test_clouds_of_other_layout_are_read():
    """Points of 20 bytes, big endian, with a field between and padded rows."""
    points = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    rows = np.zeros((2, 70), np.uint8)
    stored = np.concatenate([points[..., :1] + 7, points, points[..., :1]], axis=2).astype(">f4")
    rows[:, :60] = stored.view(np.uint8).reshape(2, 60)
    fields = [PointField(name=name, offset=4 * i, datatype=7, count=1) for i, name in enumerate(["i", "x", "y", "z"])]
    message = PointCloud2(height=2, width=3, point_step=20, row_step=70, fields=fields, is_bigendian=True)
    message.data = rows.tobytes()
    np.testing.assert_array_equal(cloud_to_vertices(message), points.reshape(-1, 3))


@pytest.mark.parametrize("change", [{"fields": []}, {"width": 5}, {"data": b""}, {"point_step": 8}, {"row_step": 4}])
def test_malformed_clouds_are_told(change):
    message = vertices_to_cloud(np.zeros((4, 3), np.float32), HEADER)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(InputError, match="point cloud"):
        cloud_to_vertices(message)


@given(arrays(np.float64, 4, elements=st.floats(-1, 1)), arrays(np.float64, 3, elements=st.floats(-5, 5)))
def test_poses_make_the_round_trip(quaternion, t):
    norm = np.linalg.norm(quaternion)
    if norm < 1e-3:
        return
    x, y, z, w = quaternion / norm
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    pose = to_pose(R, t)
    assert pose.orientation.w >= 0
    back = from_pose(pose)
    np.testing.assert_allclose(back[0], R, atol=1e-9)
    np.testing.assert_array_equal(back[1], t)


def test_a_quaternion_that_is_none_is_told():
    pose = to_pose(np.eye(3), np.zeros(3))
    pose.orientation.w = 0.0
    with pytest.raises(InputError, match="pose"):
        from_pose(pose)


# --- marker -----------------------------------------------------------------------------------------------------------


def slow_marker(header, points, colors):
    """The Marker of `write_marker`, field by field."""
    marker = Marker(header=header, ns="face", id=0, type=Marker.TRIANGLE_LIST, action=Marker.ADD, frame_locked=True)
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = 1.0
    marker.color = ColorRGBA(r=SKIN[0], g=SKIN[1], b=SKIN[2], a=SKIN[3])
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in points.tolist()]
    marker.colors = [ColorRGBA(r=r, g=g, b=b, a=a) for r, g, b, a in colors.tolist()]
    return marker


@settings(max_examples=60, deadline=None)
@given(
    triangles=st.integers(0, 12),
    colored=st.booleans(),
    frame_id=st.text(max_size=17).filter(lambda text: "\0" not in text),
    sec=st.integers(-(2**31), 2**31 - 1),
    nanosec=st.integers(0, 2**32 - 1),
)
def test_a_marker_is_read_as_the_one_that_rclpy_would_send(triangles, colored, frame_id, sec, nanosec):
    rng = np.random.default_rng(triangles)
    header = Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id)
    points = rng.normal(size=(3 * triangles, 3))
    colors = rng.random((3 * triangles if colored else 0, 4), np.float32)
    expected = serialize_message(slow_marker(header, points, colors))
    written = write_marker(header, points, colors)
    # Not byte for byte: rclpy pads with whatever was in memory.
    assert len(written) == len(expected)
    assert deserialize_message(written, Marker) == deserialize_message(expected, Marker)


def mesh(vertices=40, triangles=60, seed=0):
    rng = np.random.default_rng(seed)
    return FaceMesh(
        rng.normal(size=(vertices, 3)).astype(np.float32),
        rng.integers(0, vertices, (triangles, 3)).astype(np.int32),
        rng.integers(0, 256, (vertices, 3), np.uint8),
        np.ones(vertices, bool),
    )


@pytest.mark.parametrize("coloring", COLORINGS)
def test_a_mesh_becomes_a_triangle_list_that_rviz_takes(coloring):
    write = MarkerWriter()
    for faces in (60, 60, 20, 0):  # the arrays are kept, made anew, and none
        shown = mesh(triangles=faces)
        marker = deserialize_message(write(shown, HEADER, coloring), Marker)
        assert (marker.header, marker.type, marker.action) == (HEADER, Marker.TRIANGLE_LIST, Marker.ADD)
        assert (marker.scale.x, marker.scale.y, marker.scale.z) == (1, 1, 1)
        assert marker.color.a == 1 and marker.pose.orientation.w == 1 and marker.frame_locked
        points = np.array([[p.x, p.y, p.z] for p in marker.points]).reshape(-1, 3)
        np.testing.assert_array_equal(points, shown.vertices[shown.faces.ravel()])
        assert len(marker.colors) == (0 if coloring == "plain" else len(points))
        assert all(color.a == 1 and 0 <= color.g <= 1 for color in marker.colors)


def test_texture_shows_the_meshs_colours():
    shown = mesh()
    marker = deserialize_message(MarkerWriter()(shown, HEADER, "texture"), Marker)
    rgb = np.array([[c.r, c.g, c.b] for c in marker.colors])
    np.testing.assert_allclose(rgb * 255, shown.colors[shown.faces.ravel()], atol=1e-3)


def test_shading_is_brighter_towards_the_camera_than_away():
    shown = replace(mesh(3, 1), vertices=np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1]], np.float32))
    towards, away = (shaded_colors(replace(shown, faces=np.array([face]))) for face in ([0, 1, 2], [0, 2, 1]))
    assert (towards[:, :3] > away[:, :3]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mesh_that_is_not_finite_is_refused(value):
    broken = mesh()
    broken.vertices[3, 1] = value
    with pytest.raises(InputError, match="not finite"):
        MarkerWriter()(broken, HEADER)


def test_normals_that_are_not_finite_do_not_reach_rviz():
    broken = mesh()
    broken.vertices[3] = 1e30  # far enough for infinite areas
    assert np.isnan(broken.normals).any()
    marker = deserialize_message(MarkerWriter()(broken, HEADER, "shaded"), Marker)
    assert np.isfinite([[c.r, c.g, c.b, c.a] for c in marker.colors]).all()


@pytest.mark.parametrize("number", [0, 7])
def test_a_faces_marker_is_added_and_deleted_by_its_number(number):
    added = deserialize_message(MarkerWriter()(mesh(), HEADER, number=number), Marker)
    deleted = delete_marker(HEADER, number)
    assert deleted.action == Marker.DELETE and deleted.ns == added.ns and deleted.id == added.id == number


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_diagnostics_hold_what_they_were_given():
    array = diagnostic_array(HEADER.stamp, "face_node", DiagnosticStatus.WARN, "no image", {"rate_hz": 14.96, "n": 3})
    (status,) = deserialize_message(serialize_message(array), type(array)).status
    assert (status.name, status.level, status.message) == ("face_node", DiagnosticStatus.WARN, "no image")
    assert {pair.key: pair.value for pair in status.values} == {"rate_hz": "15.0", "n": "3"}
