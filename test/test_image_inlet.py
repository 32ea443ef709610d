"""face_node's images: which are taken from the middleware, and when; without processes."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

import ros_helpers  # noqa: E402
from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from stand_ins import FacelessRoad  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from extreme3d_ros.messages.images import layer_to_image  # noqa: E402
from extreme3d_ros.messages.stamps import stamp_of  # noqa: E402
from extreme3d_ros.nodes import image_inlet  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.nodes.image_inlet import ImageInlet  # noqa: E402
from extreme3d_ros.nodes.worker import NewestWorker  # noqa: E402

RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
PIXELS = np.zeros((8, 8, 3), np.uint8)


class Bench(ros_helpers.Bench):
    """Has cameras too; the n-th image that any of them sends is stamped n."""

    sent = 0

    def camera(self):
        """One more; returns what sends an image."""
        before = self.node.count_publishers("/image_raw")
        publisher = self.node.create_publisher(Image, "image_raw", RELIABLE)
        assert self.wait(publisher.get_subscription_count)
        assert self.wait(lambda: self.node.count_publishers("/image_raw") > before)

        def send():
            self.sent += 1
            publisher.publish(layer_to_image(PIXELS, Header(stamp=Time(sec=self.sent))))

        send.publisher = publisher
        return send


class Taker(Node):
    """Has an inlet; `taken`: the numbers of the images that came, and when they came to this machine."""

    def __init__(self):
        super().__init__("taker")
        self.settings = {"image_transport": "raw", "reliability": "reliable"}
        self.wanted, self.taken = True, []
        self.open()

    def open(self):
        self.inlet = ImageInlet(self, self._take, lambda: self.wanted)

    def _take(self, serialized, arrival):
        self.taken.append((stamp_of(serialized)[0], arrival))

    @property
    def numbers(self):
        return [number for number, _ in self.taken]


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.close()


@pytest.fixture
def taker(bench):
    return bench.add(Taker())


def test_images_wait_while_one_is_worked_on_and_then_the_newest_is_taken(bench, taker):
    send = bench.camera()
    send()
    assert bench.wait(lambda: taker.numbers == [1])
    for _ in range(3):
        send()
    bench.spin(0.3)
    assert taker.numbers == [1]
    taker.inlet.more()
    assert bench.wait(lambda: len(taker.taken) == 2)
    assert taker.numbers == [1, 4] and (taker.inlet.frames, taker.inlet.dropped) == (4, 2)


def test_the_end_of_the_work_wakes_the_executor(bench, taker, monkeypatch):
    monkeypatch.setattr(image_inlet, "_LOOK_PERIOD", 3600.0)
    taker.inlet.close()
    taker.open()
    send = bench.camera()
    send()
    assert bench.wait(lambda: taker.taken)
    send()
    worker = threading.Timer(0.3, taker.inlet.more)
    worker.start()
    end = time.monotonic() + 5
    while len(taker.taken) < 2 and time.monotonic() < end:
        bench._executor.spin_once(timeout_sec=10)  # would sleep for as long
    worker.join()
    assert taker.numbers == [1, 2]


def test_an_image_came_when_the_middleware_had_it(bench, taker):
    send = bench.camera()
    send()
    time.sleep(0.5)
    assert bench.wait(lambda: taker.taken)
    assert taker.taken[0][1] < time.monotonic() - 0.25


def test_of_images_that_nobody_wants_one_a_second_is_taken(bench, taker, monkeypatch):
    clock = SimpleNamespace(now=time.monotonic(), time_ns=time.time_ns)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(image_inlet, "time", clock)
    taker.wanted = False
    send = bench.camera()
    for number, later in enumerate((0.5, 0.6, 0.5, 0.6)):
        send()
        clock.now += later
        bench.spin(0.3)
        assert len(taker.taken) == (number + 1) // 2, "every other time a second is over"
        if number % 2:
            taker.inlet.more()
    taker.wanted = True
    send()
    assert bench.wait(lambda: taker.numbers == [2, 4, 5])
    assert taker.inlet.frames == 4, "all but what came before the first"


def test_silence_is_told_unless_the_work_is_slow(bench, taker, monkeypatch):
    clock = SimpleNamespace(now=time.monotonic() + 6, time_ns=time.time_ns)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(image_inlet, "time", clock)
    assert "no image for 6 s on /image_raw (publishers: 0); check the camera" in taker.inlet.silence
    bench.camera()()
    assert bench.wait(lambda: taker.taken)
    clock.now += 60
    assert not taker.inlet.silence
    taker.inlet.more()
    assert not taker.inlet.silence
    clock.now += 6
    assert "(publishers: 1)" in taker.inlet.silence


def test_what_two_cameras_send_is_not_counted_by_their_numbers(bench, taker):
    first, second = bench.camera(), bench.camera()
    first()
    assert bench.wait(lambda: taker.numbers == [1])
    for _ in range(5):
        second()
    taker.inlet.more()
    assert bench.wait(lambda: len(taker.taken) == 2) and taker.numbers == [1, 6]
    assert taker.inlet.dropped == 0
    bench.node.destroy_publisher(second.publisher)
    assert bench.wait(lambda: taker.count_publishers("/image_raw") == 1)
    for again in (3, 4):  # its second image: its numbers are behind the other's
        first()
        taker.inlet.more()
        assert bench.wait(lambda again=again: len(taker.taken) == again) and taker.inlet.dropped == 0


def test_an_inlet_that_is_closed_takes_none_and_another_does(bench, taker):
    send, before = bench.camera(), taker.inlet
    before.close()
    taker.open()
    before.more()
    assert bench.wait(lambda: send() or taker.taken)
    assert before.frames == 0 and taker.inlet.frames > 0


class SlowRoad(FacelessRoad):
    """Sees no face, once it is let go; counts."""

    def __init__(self):
        self.begun, self.go_on = 0, [threading.Event() for _ in range(2)]

    def track(self, frame, stamp, max_faces):
        self.begun += 1
        self.go_on[self.begun - 1].wait(20)
        return []


def test_work_that_outlasts_its_node_s_deactivation_lets_no_second_image_in(bench, monkeypatch):
    road, ended = SlowRoad(), NewestWorker.close
    monkeypatch.setattr(NewestWorker, "close", lambda worker: ended(worker, timeout=0.01))
    face = bench.add(FaceNode(lambda *_: road))
    given = {"device": "cpu", "reliability": "reliable"}
    face.set_parameters([Parameter(name, value=value) for name, value in given.items()])
    face.autostart()
    bench.node.create_subscription(Image, "mask", lambda message: None, 1)
    send = bench.camera()
    assert bench.wait(lambda: face.count_subscribers("/mask") and (send() or road.begun == 1))
    late = face._worker
    face.trigger_deactivate()
    face.trigger_activate()
    assert bench.wait(lambda: send() or road.begun == 2)
    road.go_on[0].set()
    late._thread.join(10)
    before = face._images.frames
    for _ in range(5):
        send()
        bench.spin(0.1)
    assert not late._thread.is_alive() and face._images.frames == before
    road.go_on[1].set()
    face.close()
