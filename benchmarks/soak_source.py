"""The soak's camera: a loop in which faces sway, turn, are covered, leave, come back, and others come in.

    .venv/bin/python -m benchmarks.soak_source [--stay] --ros-args -r __ns:=/camera

Publishes image_raw (640 x 480, 15 Hz, drawn as it goes) and camera_info. A face is a picture on a card that is turned
and moved before a noisy background: the astronaut of scikit-image, and her mirror image in other colours for another
person. With --stay the astronaut sways and nothing else happens.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

RATE = 15.0
WIDTH, HEIGHT = 640, 480
#: Seconds of the loop: half a minute, so that each quarter of the shortest run sees all of it.
PERIOD = 30.0

_AWAY = -200.0
_FOCAL = 1.2 * WIDTH
#: Where the demo picture has its head; pixels.
_HEAD = np.s_[10:310, 75:375]
#: Pixels along a card's side, before it is turned.
_SIDE = 330
_SKIN = (120, 150, 205)
#: Different noises of the sensor; its standard deviation, grey values.
_GRAINS, _NOISE = 4, 3.0

#: Where a card's middle is over the time: seconds, pixels. Between two times it moves steadily.
_Road = tuple[tuple[float, float], ...]
#: She stays; is gone for 6 s, longer than anyone is remembered; comes back; is gone for 1.5 s; makes room for another.
_ASTRONAUT: _Road = (
    *((0, 320), (9, 320), (10, _AWAY), (16, _AWAY), (17, 320), (19, 320)),
    *((19.5, 840), (21, 840), (21.5, 320), (23, 190), (25.5, 190), (26.5, _AWAY), (29, _AWAY), (30, 320)),
)
_OTHER: _Road = ((0, 840), (22, 840), (23, 460), (27, 420), (28, 840), (30, 840))
#: A hand passes before the middle of the picture, and rests there for a while.
_HAND: _Road = ((0, _AWAY), (5, _AWAY), (6, 250), (8, 330), (9, 900), (30, 900))


@dataclass(frozen=True)
class Card:
    """A picture on a card. image: (H, H, 4) float32, BGR and 0..1 of how far it covers."""

    image: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> Card:
        """A square picture (H, H, 3) with its corners rounded off."""
        side = len(picture)
        v, u = (np.mgrid[:side, :side] + 0.5) / side - 0.5
        cover = np.clip((1 - np.hypot(u / 0.47, v / 0.49)) * 20, 0, 1)
        return cls(np.dstack([picture, cover]).astype(np.float32))

    def on(self, image: np.ndarray, x: float, turn: tuple[float, float, float]) -> None:
        """Lays it on an image (H, W, 3) float32. x: of its middle, pixels; turn: to the side, up, and in the picture,
        radians."""
        if not -_SIDE / 2 < x < WIDTH + _SIDE / 2:
            return
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * (_SIDE / 2)
        yaw, pitch, roll = (cv2.Rodrigues(angle * axis)[0] for angle, axis in zip(turn, np.eye(3)[[1, 0, 2]]))
        placed = corners @ (roll @ yaw @ pitch).T
        pixels = placed[:, :2] * (_FOCAL / (_FOCAL + placed[:, 2:])) + [x, HEIGHT / 2]
        end = len(self.image) - 1
        ends = np.array([[0, 0], [end, 0], [end, end], [0, end]], np.float32)
        to_image = cv2.getPerspectiveTransform(ends, pixels.astype(np.float32))
        drawn = cv2.warpPerspective(self.image, to_image, (WIDTH, HEIGHT))
        image += drawn[..., 3:] * (drawn[..., :3] - image)


class Scene:
    """The frames. stay: only the astronaut, swaying."""

    def __init__(self, stay: bool = False, seed: int = 0):
        self._stay = stay
        rng = np.random.default_rng(seed)
        self._noise = rng.normal(0, _NOISE, (_GRAINS, HEIGHT, WIDTH, 3)).astype(np.float32)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        grey = 110 + 40 * np.sin(rows / 90) * np.cos(columns / 130)
        self._wall = (grey[..., None] * [1.0, 0.95, 0.9]).astype(np.float32)

    @cached_property
    def _cards(self) -> tuple[Card, Card]:
        from extreme3d_ros.input.images import demo_image

        head = demo_image()[_HEAD]
        other = cv2.cvtColor(head[:, ::-1], cv2.COLOR_BGR2HSV)
        other[..., 0] = (other[..., 0] + np.where(other[..., 1] > 140, 60, 0)) % 180  # cloth, not skin
        darker = 0.75 * cv2.cvtColor(other, cv2.COLOR_HSV2BGR)
        return Card.of(head), Card.of(darker)

    def at(self, time: float) -> np.ndarray:
        """The frame of a time, (480, 640, 3) uint8 BGR. time: seconds, which may pass the loop's end."""
        image = self._wall.copy()
        sway = np.sin(2 * np.pi * time / np.array([7.0, 5.0, 6.0]))
        astronaut, other = self._cards
        if self._stay:
            astronaut.on(image, 320 + 30 * sway[0], tuple(sway * [0.3, 0.1, 0.1]))
        else:
            now = time % PERIOD
            other.on(image, _along(_OTHER, now), tuple(sway[::-1] * [0.3, 0.1, 0.1]))
            astronaut.on(image, _along(_ASTRONAUT, now), tuple(sway * [0.6, 0.15, 0.15]))
            _hand(image, _along(_HAND, now))
        image += self._noise[int(time * RATE) % _GRAINS]
        return np.clip(image, 0, 255).astype(np.uint8)


def _along(road: _Road, time: float) -> float:
    times, places = zip(*road)
    return float(np.interp(time, times, places))


def _hand(image: np.ndarray, x: float) -> None:
    """A palm and four fingers that come in from below."""
    for finger in range(4):
        tip, root = (x - 45 + 30 * finger, 190 + 12 * abs(finger - 1.5)), (x - 36 + 24 * finger, 300)
        cv2.line(image, *(tuple(map(round, end)) for end in (tip, root)), _SKIN, 24, cv2.LINE_AA)
    cv2.ellipse(image, (round(x), 330), (60, 65), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
    cv2.rectangle(image, (round(x) - 42, 360), (round(x) + 42, HEIGHT), _SKIN, -1)


def main() -> int:
    """The process."""
    from extreme3d_ros.nodes.transport import make_room

    make_room()
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

    from extreme3d_ros.camera import Camera
    from extreme3d_ros.messages.camera_info import camera_to_camera_info
    from extreme3d_ros.messages.images import layer_to_image

    rclpy.init()
    node, scene = rclpy.create_node("soak_source"), Scene("--stay" in sys.argv)
    reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    images, infos = (
        node.create_publisher(k, n, reliable) for k, n in ((Image, "image_raw"), (CameraInfo, "camera_info"))
    )
    camera, count = Camera.assumed(WIDTH, HEIGHT), iter(range(sys.maxsize))

    def send() -> None:
        image = scene.at(next(count) / RATE)
        header = Header(stamp=node.get_clock().now().to_msg(), frame_id="camera")
        infos.publish(camera_to_camera_info(camera, header))
        images.publish(layer_to_image(image, header))

    node.create_timer(1 / RATE, send)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():  # else a signal took the context from under a publisher
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
