"""Cameras that send what they should not, before a real face_node: it works on, and the log stays short."""

import struct
import time
from functools import partial

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
astronaut = pytest.importorskip("skimage.data").astronaut

from builtin_interfaces.msg import Time  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.messages.camera_info import camera_to_camera_info  # noqa: E402
from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.frame_clock import FrameClock  # noqa: E402
from extreme3d_ros.nodes.qos import OBSERVATION  # noqa: E402
from extreme3d_ros.nodes.synchronizer import StampSynchronizer  # noqa: E402
from extreme3d_ros.nodes.transport import make_room  # noqa: E402

make_room()

PHOTOGRAPH = np.ascontiguousarray(astronaut()[..., ::-1])
KINDS = {"raw": (Image, "/image_raw"), "compressed": (CompressedImage, "/image_raw/compressed")}


class BadCamera:
    """A camera of one kind before a face_node of its own, and the poses that come of its images."""

    def __init__(self, make_bench, capfd, transport):
        listener = make_bench(image_transport=transport, reliability="reliable", max_latency=3600.0)
        self.listener, self.transport, self._capfd, self._said = listener, transport, capfd, []
        self.node = listener.add(FaceNode())
        self.node.autostart()
        kind, topic = KINDS[transport]
        self.poses = listener.listen(PoseStamped, "/pose", OBSERVATION)
        self.images = listener.node.create_publisher(kind, topic, 10)
        self.infos = listener.node.create_publisher(CameraInfo, "/camera_info", 10)
        ready = (self.images, self.infos)
        assert listener.wait(lambda: all(each.get_subscription_count() for each in ready), 20), self.said
        assert listener.wait(lambda: listener.node.count_publishers("/pose"), 20)
        self._sent = 0
        self.sees_everything(attempts=40)

    def good(self, stamp):
        header = Header(stamp=stamp, frame_id=f"image {self._sent}")
        if self.transport == "raw":
            return layer_to_image(PHOTOGRAPH, header)
        return CompressedImage(header=header, format="jpeg", data=cv2.imencode(".jpg", PHOTOGRAPH)[1].tobytes())

    def sees_everything(self, stamp=None, attempts=1):
        """Sends a good image and returns the pose that comes of it, which bears its stamp."""
        stamp = stamp or Time(sec=1000 + self._sent // 10, nanosec=self._sent % 10 * 10**8)
        for _ in range(attempts):
            self._sent += 1
            name = f"image {self._sent}"
            self.images.publish(self.good(stamp))
            if found := self.listener.wait(partial(self._poses_of, name), 20 / attempts + 1):
                assert found[0].header.stamp == stamp
                return found[0]
        raise AssertionError(f"nothing came of a good image: {self.said}")

    def _poses_of(self, frame_id):
        return [pose for pose in self.poses if pose.header.frame_id == frame_id]

    def send(self, *messages):
        for message in messages:
            self.images.publish(message)
            self.listener.spin(0.02)

    def tell(self, info):
        """Sends a camera_info, and waits until it must be there."""
        self.infos.publish(info)
        self.listener.spin(0.15)

    def value(self, key):
        """Of the diagnostics as they are now."""
        level, line, values = self.node.health()
        assert level == DiagnosticStatus.OK, line
        return (values | self.node.statistics.values())[key]

    @property
    def said(self):
        """The lines of the log."""
        self._said += self._capfd.readouterr().err.splitlines()
        return self._said

    def lines(self, word):
        return [line for line in self.said if word in line]


def changed(message, **fields):
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def malformed_images():
    small = np.zeros((16, 16, 3), np.uint8)

    def image(**fields):
        return changed(layer_to_image(small, Header(stamp=Time(sec=7))), **fields)

    whole = serialize_message(image())
    length = whole.index(struct.pack("<I", small.nbytes))
    return [
        Image(),
        image(encoding=""),
        image(encoding="purple\n12" * 50),
        image(encoding="32FC1"),
        image(encoding="rgba8"),
        image(height=0),
        image(width=0),
        image(step=1),
        image(width=2**32 - 1, height=2**32 - 1, step=2**32 - 1),
        image(width=2**15, height=2**15, step=2**17, encoding="bgra8"),
        image(data=b""),
        image(data=bytes(small.nbytes - 1)),
        image(encoding="yuv422", width=15),
        whole[:40],
        whole[:length] + struct.pack("<I", 2**32 - 1) + whole[length + 4 :],
    ]


def malformed_files():
    jpeg, png = (cv2.imencode(kind, PHOTOGRAPH)[1].tobytes() for kind in (".jpg", ".png"))
    head = jpeg.index(b"\xff\xc0") + 5
    bomb = jpeg[:head] + struct.pack(">HH", 60000, 60000) + jpeg[head + 4 :]
    large = png[:16] + struct.pack(">II", 60000, 60000) + png[24:]
    damaged = png[:5000] + bytes(100) + png[5100:]
    files = [b"", b"no image", jpeg[:200], jpeg[: len(jpeg) // 2], png[: len(png) // 2], damaged, bomb, large]
    return [CompressedImage(format="jpeg", data=data) for data in files]


@pytest.mark.parametrize("transport, malformed", [("raw", malformed_images), ("compressed", malformed_files)])
def test_among_malformed_images_every_good_one_is_seen_and_the_log_is_short(make_bench, capfd, transport, malformed):
    camera = BadCamera(make_bench, capfd, transport)
    before, began = len(camera.said), time.monotonic()
    for message in malformed():
        camera.send(message, message)
        pose = camera.sees_everything()
        assert 0.3 < pose.pose.position.z < 3
    for message in malformed() * 2:
        camera.send(message)
    camera.sees_everything()
    assert int(camera.value("skipped")) >= len(malformed()), "what is skipped is counted"
    assert camera.lines("skipped:") and not camera.lines("report this")
    lines = camera.said[before:]
    native = [line for line in lines if "sequence size exceeds" in line]  # the middleware's own
    minutes = 1 + (time.monotonic() - began) // 60
    assert len(lines) - len(native) <= 8 * minutes, "a line a minute for each kind of mistake"


def k(fx, fy, cx=255.5, cy=255.5):
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def test_what_camera_info_and_stamps_may_do_to_a_node(make_bench, capfd):
    camera = BadCamera(make_bench, capfd, "raw")
    info = camera_to_camera_info(Camera(np.reshape(k(700.0, 700.0), (3, 3)), 512, 512), Header())

    assert "focal length assumed" in camera.value("camera")
    camera.tell(info)
    near = camera.sees_everything().pose.position.z
    assert camera.value("camera") == "calibrated by camera_info"

    nan = float("nan")
    for wrong in [
        {"k": [nan] * 9},
        {"k": k(0.0, 0.0)},
        {"k": k(-700.0, 700.0)},
        {"k": k(4.0, 4.0)},
        {"d": [0.1] * 3},
        {"d": [nan] * 5},
        {"distortion_model": "a\nb" * 1000, "d": [0.1] * 5},
    ]:
        camera.tell(
            changed(CameraInfo(k=info.k, d=info.d, width=512, height=512, distortion_model="plumb_bob"), **wrong)
        )
        assert camera.sees_everything().pose.position.z == pytest.approx(near, rel=0.05), "the last good one is kept"
    assert "camera_info; not taken: camera_info is wrong: 5 coefficients" in camera.value("camera")
    assert 1 <= len(camera.lines("camera_info")) <= 6 and not camera.lines("report this")

    camera.tell(changed(info, k=k(1400.0, 1400.0)))
    far = [camera.sees_everything().pose.position.z for _ in range(8)][-1]
    assert far == pytest.approx(2 * near, rel=0.1), "a good one is taken in mid-stream"
    camera.tell(changed(info, width=640, height=480))
    camera.sees_everything()
    assert "is for 640 x 480 pixels, the image has 512 x 512" in camera.value("camera")
    camera.tell(CameraInfo(width=512, height=512))
    assumed = [camera.sees_everything().pose.position.z for _ in range(8)][-1]
    assert assumed == pytest.approx(near * 1.2 * 512 / 700, rel=0.1), "all zero: not calibrated"
    assert "no calibration" in camera.value("camera")

    since = len(camera.lines("camera:"))
    for n in range(10):  # two cameras on one topic
        camera.tell(info if n % 2 else changed(CameraInfo(k=info.k), width=512, height=512))
        camera.sees_everything()
    assert len(camera.lines("camera:")) - since <= 4, "not a line for each change"

    for stamp in [
        Time(sec=5000),
        Time(sec=1400),
        Time(),
        Time(),
        Time(sec=2**31 - 1),
        Time(sec=-5),
        Time(sec=1400),
    ] * 2:
        assert camera.sees_everything(stamp).pose.position.z > 0.3
    camera.sees_everything(Time(sec=1400))
    assert float(camera.value("latency_p95_ms")) < 1e4, "latency is of arrivals, not of stamps"
    assert not camera.lines("report this")


# --- the parts, without processes -------------------------------------------------------------------------------------


def times(*frames):
    clock = FrameClock()
    return [clock(Time(sec=int(stamp), nanosec=round(stamp % 1 * 1e9)), arrival) for stamp, arrival in frames]


def test_the_time_of_a_frame_is_its_stamp():
    assert times((7, 0.5), (8.5, 0.6), (3600, 0.7), (10, 0.8)) == [7, 8.5, 3600, 10]


def test_where_a_camera_sets_no_stamp_or_always_the_same_time_goes_on_by_the_arrivals():
    assert times((0, 100.5), (0, 100.75), (7, 101.0), (0, 101.25)) == [100.5, 100.75, 7, 101.25]
    assert times((7, 100.5), (7, 100.75), (7, 101.0), (7, 101.5)) == [7, 7.25, 7.5, 8]


def test_an_image_that_comes_twice_does_not_make_time_fall():
    assert times((7, 1.0), (7, 1.5), (7.25, 1.5), (7.75, 1.75)) == [7, 7.5, 7.5, 7.75]
    assert times((7, 1.0), (7, 601.0), (7.25, 601.5), (7.5, 601.75)) == [7, 607, 7.25, 7.5], (
        "but it isn't waited for long"
    )


@pytest.mark.parametrize("serialized", [b"", b"\x00\x01", b"\x00\x01\x00\x00\x05\x00\x00\x00\x00\x00\x00"])
def test_messages_without_a_stamp_are_dropped_and_counted(serialized):
    synchronizer = StampSynchronizer(["a"])
    assert synchronizer.add("a", serialized) is None and synchronizer.dropped == 1
    whole = serialize_message(Header(stamp=Time(sec=5)))
    assert synchronizer.add("a", whole) == {"a": whole}
