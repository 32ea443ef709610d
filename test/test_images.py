"""Camera images in every form that people send: compressed, and raw as cv_bridge reads them."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.images import compressed_to_bgr, image_to_bgr  # noqa: E402

BGR = np.full((40, 30, 3), (200, 100, 50), np.uint8)
GREY = np.full((40, 30), 100, np.uint8)
REPEATED = np.repeat(GREY[..., None], 3, 2)


def compressed(text, extension, image):
    return CompressedImage(format=text, data=cv2.imencode(extension, image)[1].tobytes())


@pytest.mark.parametrize(
    "text, extension, sent, expected",
    [
        ("jpeg", ".jpg", BGR, BGR),
        ("png", ".png", BGR, BGR),
        ("", ".png", BGR, BGR),
        ("bgr8; jpeg compressed bgr8", ".jpg", BGR, BGR),
        ("rgb8; jpeg compressed bgr8", ".jpg", BGR, BGR),
        ("rgb8; png compressed bgr8", ".png", BGR, BGR),
        ("rgb8; jpeg compressed rgb8", ".jpg", BGR[..., ::-1], BGR),
        ("bgra8; png compressed bgra8", ".png", np.dstack([BGR, GREY]), BGR),
        ("mono8; jpeg compressed mono8", ".jpg", GREY, REPEATED),
        ("mono8; png compressed mono8", ".png", GREY, REPEATED),
        ("mono16; png compressed mono16", ".png", GREY.astype(np.uint16) * 257, REPEATED),
        ("bgr16; png compressed bgr16", ".png", BGR.astype(np.uint16) * 257, BGR),
    ],
)
def test_every_compressed_format_gives_its_colours(text, extension, sent, expected):
    received = compressed_to_bgr(compressed(text, extension, np.ascontiguousarray(sent)))
    assert received.dtype == np.uint8
    np.testing.assert_allclose(received, expected, atol=3)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_grey_is_as_bright_compressed_as_raw(bits):
    grey = np.random.default_rng(bits).integers(0, 2**bits, (40, 30), np.uint16)
    grey[0, 0] = 2**bits - 1
    raw = Image(height=40, width=30, step=60, encoding="mono16", data=grey.tobytes())
    received = compressed_to_bgr(compressed("mono16; png compressed mono16", ".png", grey))
    np.testing.assert_array_equal(received, image_to_bgr(raw))
    assert received.max() == 255


def test_images_of_real_numbers_are_told():
    depth = compressed("32FC1; tiff", ".tiff", np.ones((40, 30), np.float32))
    with pytest.raises(InputError, match="cannot be decoded"):
        compressed_to_bgr(depth)


# cv_bridge would add nothing: what it reads is read alike, it refuses 8UC1, 8UC3, 8UC4 and 16UC1, and 10 or 12 bits in
# mono16 come out of it almost black.


@pytest.mark.parametrize("padding", [0, 12])
@pytest.mark.parametrize(
    "encoding, channels, tolerance",
    [
        ("bgr8", 3, 0),
        ("rgb8", 3, 0),
        ("mono8", 1, 0),
        ("bgra8", 4, 0),
        ("rgba8", 4, 0),
        ("yuv422", 2, 0),
        ("mono16", 2, 1),
    ],
)
def test_images_are_read_as_cv_bridge_reads_them(encoding, channels, tolerance, padding):
    cv_bridge = pytest.importorskip("cv_bridge", reason="cv_bridge is not installed")
    rows = np.random.default_rng(0).integers(0, 256, (48, 64 * channels + padding), np.uint8)
    message = Image(height=48, width=64, encoding=encoding, step=rows.shape[1], data=rows.tobytes())
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(message, "bgr8")
    np.testing.assert_allclose(image_to_bgr(message).astype(int), expected.astype(int), atol=tolerance)
