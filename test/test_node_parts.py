"""What the nodes are put together from, without processes."""

import os
import signal
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from stand_ins import TRIANGLE, received  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.calibration import Calibration  # noqa: E402
from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.observation import check_sound  # noqa: E402
from extreme3d_ros.messages.reading import message_of  # noqa: E402
from extreme3d_ros.messages.stamps import stamp_of, stamped  # noqa: E402
from extreme3d_ros.nodes.image_source import images  # noqa: E402
from extreme3d_ros.nodes.lens import Lens  # noqa: E402
from extreme3d_ros.nodes.mesh_files import MeshFiles  # noqa: E402
from extreme3d_ros.nodes.running import _take_down  # noqa: E402
from extreme3d_ros.nodes.settings import Setting  # noqa: E402
from extreme3d_ros.nodes.statistics import Statistics  # noqa: E402
from extreme3d_ros.nodes.synchronizer import StampSynchronizer  # noqa: E402
from extreme3d_ros.nodes.telling import Rarely, line_of  # noqa: E402
from extreme3d_ros.nodes.topic_inlet import _received  # noqa: E402
from extreme3d_ros.nodes.transport import make_room  # noqa: E402
from extreme3d_ros.nodes.worker import NewestWorker  # noqa: E402

# --- synchronizer -----------------------------------------------------------------------------------------------------


def header(sec, topic="a"):
    return serialize_message(Header(stamp=Time(sec=sec, nanosec=7), frame_id=topic))


def test_stamps_are_read_and_written_in_serialized_messages():
    assert stamp_of(header(-3)) == (-3, 7)
    assert stamped(bytearray(header(1)), Time(sec=5, nanosec=7)) == header(5)


def test_the_synchronizer_gives_out_complete_sets_only():
    synchronizer = StampSynchronizer(["a", "b"])
    assert synchronizer.add("a", header(1)) is None
    assert synchronizer.add("a", header(2)) is None
    assert synchronizer.add("b", header(2)) == {"a": header(2), "b": header(2)}
    assert synchronizer.dropped == 1
    assert synchronizer.add("b", header(1)) is None, "what was overtaken stays dropped"


def test_the_synchronizer_follows_stamps_that_run_backwards():
    synchronizer = StampSynchronizer(["a", "b"])
    for sec in (100, 101, 1, 2):
        assert synchronizer.add("a", header(sec)) is None
        assert synchronizer.add("b", header(sec)) is not None


def test_the_synchronizer_is_bounded():
    synchronizer = StampSynchronizer(["a", "b"], capacity=4)
    for sec in range(100):
        assert synchronizer.add("a", header(sec)) is None
    assert synchronizer.dropped == 96


# --- worker -----------------------------------------------------------------------------------------------------------


def worked(first, others, count, key):
    """What a worker works on that is given `first`, and while it is at that the others; and how many it drops."""
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(item):
        begun.set()
        go_on.wait(5)
        done.append(item)

    worker = NewestWorker(work, "test")
    worker.give(first, key(first))
    assert begun.wait(5)
    for item in others:
        worker.give(item, key(item))
    go_on.set()
    end = time.monotonic() + 5
    while len(done) < count and time.monotonic() < end:
        time.sleep(0.01)
    worker.close()
    return done, worker.dropped


def test_the_worker_takes_the_newest_and_counts_the_rest():
    assert worked(0, range(1, 10), 2, lambda item: "") == ([0, 9], 8)


def test_keys_take_turns_and_overtake_only_themselves():
    done, dropped = worked("a0", ("b1", "a1", "c1", "b2", "a2", "b3"), 4, lambda item: item[0])
    assert done == ["a0", "b3", "a2", "c1"] and dropped == 3


def test_a_closed_worker_has_ended():
    before = threading.active_count()
    worker = NewestWorker(lambda item: None, "test")
    worker.close()
    assert threading.active_count() == before


# --- lens -------------------------------------------------------------------------------------------------------------

CAMERA = Camera([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]], 640, 480)
IMAGE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


def test_without_calibration_the_camera_is_assumed():
    lens = Lens()
    frame = lens(IMAGE)
    assert frame.image is IMAGE and frame.camera.K[0, 0] == 1.2 * 640 and "no calibration" in lens.state


def test_a_calibration_of_another_size_is_not_used():
    lens = Lens()
    lens.learn(Calibration(CAMERA, np.zeros(0)))
    frame = lens(IMAGE[:240])
    assert frame.camera.K[0, 0] == 1.2 * 640 and "640 x 480" in lens.state and "640 x 240" in lens.state


def test_an_undistorted_image_is_passed_on():
    lens = Lens()
    lens.learn(Calibration(CAMERA, np.zeros(0)))
    frame = lens(IMAGE)
    assert frame.image is IMAGE and frame.camera is CAMERA and lens.state == "calibrated by camera_info"


@pytest.mark.parametrize(
    "model, D", [("plumb_bob", [-0.3, 0.1, 1e-3, 2e-3, 0.0]), ("equidistant", [0.1, 0.02, 0.0, 0.0])]
)
def test_distortion_is_undone(model, D):
    """Where the undistorted image shows a 3D point, the map leads to where the camera saw it."""
    maps = Calibration(CAMERA, np.array(D), model).maps
    point = np.array([[[0.35, -0.2, 1.0]]])
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    seen = project(point, np.zeros(3), np.zeros(3), CAMERA.K, np.array(D))[0].ravel()
    x, y = np.rint(CAMERA.project(point[0, 0])).astype(int)
    np.testing.assert_allclose(maps[0][y, x], seen, atol=1.6)  # half a pixel rounded off above, one in the map


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting, given, read",
    [
        (Setting("rate", 15.0, "", limits=(0.1, 100)), 30, 30.0),
        (Setting("source", "astronaut", ""), 0, "0"),
        (Setting("kind", "a", "", ("a", "b")), "b", "b"),
    ],
)
def test_values_are_read_in_the_defaults_type(setting, given, read):
    value = setting.read(given)
    assert value == read and type(value) is type(setting.default)


@pytest.mark.parametrize(
    "setting, given, told",
    [
        (Setting("rate", 15.0, "", limits=(0.1, 100)), 1000.0, r"rate must be in 0.1 .. 100"),
        (Setting("rate", 15.0, "", limits=(0.1, 100)), float("nan"), "rate"),
        (Setting("rate", 15.0, ""), True, "rate must be a float"),
        (Setting("every", False, ""), 1, "every must be a bool"),
        (Setting("kind", "a", "", ("a", "b")), "c", "kind must be one of a, b"),
        (Setting("folder", "a", "", needed=True), "", "folder must not be empty"),
    ],
)
def test_wrong_values_are_told(setting, given, told):
    with pytest.raises(InputError, match=told):
        setting.read(given)


# --- files ------------------------------------------------------------------------------------------------------------


def test_saving_every_mesh_keeps_the_newest_and_those_asked_for(tmp_path):
    files, folder = MeshFiles(), str(tmp_path / "meshes")
    files.save_rotating(TRIANGLE, Time(sec=0), folder, 2)
    asked = files.save(TRIANGLE, Time(sec=0), folder)
    for sec in range(1, 6):
        files.save_rotating(TRIANGLE, Time(sec=sec), folder, 2)
    left = sorted(path.name for path in asked.parent.iterdir())
    assert left == ["face_0_000000000.ply", "face_4_000000000_every.ply", "face_5_000000000_every.ply"]


def test_meshes_of_one_moment_lie_beside_each_other_by_their_faces_ids(tmp_path):
    files = MeshFiles()
    for face in ("abcde", "vwxyz"):
        assert files.save(TRIANGLE, Time(sec=1), str(tmp_path), face).name == f"face_{face}_1_000000000.ply"
    assert len(list(tmp_path.iterdir())) == 2


# --- transport, statistics, sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, profile",
    [
        ({}, "fastdds.xml"),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "SHM"}, "fastdds_shm.xml"),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, None),
        ({"ROS_LOCALHOST_ONLY": "1"}, None),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "own.xml"}, "own.xml"),
    ],
)
def test_fast_dds_gets_room_unless_the_user_has_a_say(given, profile):
    environment = dict(given)
    make_room(environment)
    assert environment.get("FASTDDS_DEFAULT_PROFILES_FILE", "None").endswith(str(profile))


def test_older_distributions_have_another_variable():
    environment = {"ROS_DISTRO": "humble"}
    make_room(environment)
    assert environment["FASTRTPS_DEFAULT_PROFILES_FILE"].endswith("fastdds.xml")
    assert "FASTDDS_DEFAULT_PROFILES_FILE" not in environment


def test_statistics_are_of_the_last_items():
    statistics = Statistics(window=10)
    for latency in [1000.0] * 10 + [1.0] * 9 + [11.0]:
        statistics.finished(latency, {"crop": latency / 2})
    values = statistics.values()
    assert values["latency_median_ms"] == 1.0 and 1 < values["latency_p95_ms"] <= 11 and values["crop_ms"] == 0.5
    assert values["rate_hz"] == 10 / 5


def test_a_video_is_shown_over_and_over(tmp_path):
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for grey in (0, 100, 200):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    source, rate = images(path)
    shown = [next(source) for _ in range(7)]
    assert rate == 10 and shown[0].shape == (48, 64, 3)
    np.testing.assert_allclose([image.mean() for image in shown], [0, 100, 200, 0, 100, 200, 0], atol=5)


def test_the_images_of_a_folder_are_shown_in_order(tmp_path):
    for name, grey in {"a": 50, "b": 150}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((40, 40, 3), grey, np.uint8))
    source, _ = images(str(tmp_path))
    assert [next(source)[0, 0, 0] for _ in range(3)] == [50, 150, 50]


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="has no files"):
        images(str(tmp_path))


def test_a_second_ctrl_c_does_not_stop_a_node_from_ending_its_work():
    class Node:
        ended = []

        def close(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            self.ended.append("work")

        def destroy_node(self):
            self.ended.append("node")

    before = signal.getsignal(signal.SIGINT)
    try:
        _take_down(Node())
    finally:
        signal.signal(signal.SIGINT, before)
    assert Node.ended == ["work", "node"]


# --- errors -----------------------------------------------------------------------------------------------------------


def raised(make):
    try:
        make()
    except Exception as error:
        return error


def test_errors_that_nobody_foresaw_are_told_with_their_place_in_one_short_line():
    def fail():
        raise ValueError("an array:\n" + "0.125 " * 1000)

    line = line_of(raised(fail))
    assert line.startswith("please report this: ValueError: an array: 0.125") and "test_node_parts.py:" in line
    assert len(line) < 400 and "\n" not in line
    assert line_of(InputError("do this")) == "do this"


def test_errors_of_a_place_are_told_once_and_do_not_hide_those_of_others(monkeypatch):
    now, rarely = [0.0], Rarely()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def told():
        return [rarely(raised(fail)) for fail in (lambda: 1 / 0, lambda: {}["b"], lambda: int(str(now[0]) + "x"))]

    assert told() == [True] * 3
    for now[0] in np.linspace(0, 59, 100):
        assert told() == [False] * 3
    now[0] = 61.0
    assert told() == [True] * 3


# --- observations from topics -----------------------------------------------------------------------------------------


def one(array, value):
    array = array.copy()
    array.flat[1] = value
    return array


SOUND = received()
VERTICES, BUMP = SOUND.foundation.vertices, SOUND.layers.bump


def test_a_sound_observation_is_taken():
    check_sound(SOUND)


def test_bytes_that_are_no_message_of_their_topic_are_told():
    with pytest.raises(InputError, match="^9 bytes that came as Image are none; check who publishes there$"):
        message_of(b"\0\1\0\0\xff\xff\xff\xff\xff", Image)
    with pytest.raises(InputError, match="^9 bytes that came as Image are none"):
        _received({"crop/image": b"\0\1\0\0\xff\xff\xff\xff\xff"}, "")


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"bump": one(BUMP, np.nan)}, "bump_map"),
        ({"bump": one(BUMP, -np.inf)}, "bump_map"),
        ({"bump": BUMP + 3}, "bump_map"),
        ({"vertices": one(VERTICES, np.nan)}, "foundation"),
        ({"vertices": one(VERTICES, np.inf)}, "foundation"),
        ({"vertices": -VERTICES}, "foundation"),
        ({"vertices": VERTICES[:0]}, "foundation"),
        ({"vertices": VERTICES * 1000}, "foundation"),
        ({"t": np.zeros(3)}, "pose"),
        ({"t": np.array([0, 0, 600.0])}, "pose"),
        ({"camera": Camera.assumed(640, 480)}, "crop/camera_info is of 640 x 480"),
    ],
)
def test_an_observation_that_completion_could_make_nothing_of_is_told(changes, told):
    with pytest.raises(InputError, match=told):
        check_sound(received(**changes))
