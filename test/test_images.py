"""Camera images in every form that people send, and in forms that nobody should: converted, or refused in one line."""

import os
import resource
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.image_size import claimed_size  # noqa: E402
from extreme3d_ros.input.images import read_image  # noqa: E402
from extreme3d_ros.messages import decoding  # noqa: E402
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


# --- raw, field by field ----------------------------------------------------------------------------------------------

#: Bytes a pixel, and which of them are blue, green and red (None: told apart by their own tests).
ENCODINGS = {
    "bgr8": (3, [0, 1, 2]),
    "8UC3": (3, [0, 1, 2]),
    "rgb8": (3, [2, 1, 0]),
    "bgra8": (4, [0, 1, 2]),
    "8UC4": (4, [0, 1, 2]),
    "rgba8": (4, [2, 1, 0]),
    "mono8": (1, [0, 0, 0]),
    "8UC1": (1, [0, 0, 0]),
    "mono16": (2, None),
    "16UC1": (2, None),
    "yuv422": (2, None),
    "uyvy": (2, None),
    "yuv422_yuy2": (2, None),
    "yuyv": (2, None),
}
SIZES = st.integers(0, 12) | st.sampled_from([2**15, 2**16, 2**31, 2**32 - 1])


@st.composite
def images(draw):
    """An Image of which every field may be wrong, and most are right."""
    encoding = draw(st.sampled_from([*ENCODINGS]) | st.text(max_size=300))
    height, width = draw(SIZES), draw(SIZES)
    row = width * ENCODINGS.get(encoding, (3, None))[0]
    step = draw(st.sampled_from([row, row + 3, row - 1]) | SIZES) % 2**32
    length = min(height * step, 4000)
    length = draw(st.sampled_from([length, length, length + 5, max(length - 1, 0)]))
    data = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 256, length, np.uint8)
    big_endian = draw(st.sampled_from([0, 1, 255]))
    return Image(encoding=encoding, height=height, width=width, step=step, is_bigendian=big_endian, data=data.tobytes())


def refused(message):
    """Whether the fields contradict each other, or nobody knows what they mean."""
    if message.encoding not in ENCODINGS or not message.height or not message.width:
        return True
    row = message.width * ENCODINGS[message.encoding][0]
    cut = message.step < row or len(message.data) < message.height * message.step
    return cut or ("y" in message.encoding and bool(message.width % 2))


def shown(message):
    """The picture by the definition of the fields, byte by byte; None where it takes arithmetic."""
    each, order = ENCODINGS[message.encoding]
    if order is None:
        return None
    places = [y * message.step + x * each for y in range(message.height) for x in range(message.width)]
    pixels = [[message.data[place + channel] for channel in order] for place in places]
    return np.array(pixels, np.uint8).reshape(message.height, message.width, 3)


def image(encoding, width, rows, **fields):
    """An Image of the given rows of bytes."""
    height, step = rows.shape
    return Image(encoding=encoding, height=height, width=width, step=step, data=rows.tobytes(), **fields)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", [name for name, (_, order) in ENCODINGS.items() if order])
def test_every_encoding_gives_its_colours_without_alpha_and_row_padding(encoding, padding):
    row = 8 * ENCODINGS[encoding][0] + padding
    message = image(encoding, 8, np.random.default_rng(0).integers(0, 256, (6, row), np.uint8))
    np.testing.assert_array_equal(image_to_bgr(message), shown(message))


@pytest.mark.parametrize("encoding, y, u, v", [("yuv422", 1, 0, 2), ("uyvy", 1, 0, 2), ("yuv422_yuy2", 0, 1, 3)])
def test_yuv_colours_are_right(encoding, y, u, v):
    """A plain red image: BT.601, y 81, u 90, v 240."""
    pixels = np.zeros((6, 4, 4), np.uint8)  # two pixels in four bytes
    pixels[..., [y, y + 2]], pixels[..., u], pixels[..., v] = 81, 90, 240
    bgr = image_to_bgr(image(encoding, 8, pixels.reshape(6, 16)))
    np.testing.assert_allclose(bgr, np.full((6, 8, 3), [0, 0, 255]), atol=3)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bits_of_any_depth_and_byte_order_fill_8(encoding, bits, big_endian):
    grey = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)
    grey[0, 0] = 255
    stored = (grey.astype(np.uint16) << (bits - 8)).astype(">u2" if big_endian else "<u2")
    rows = np.pad(stored.view(np.uint8), ((0, 0), (0, 3)))
    bgr = image_to_bgr(image(encoding, 8, rows, is_bigendian=int(big_endian)))
    np.testing.assert_array_equal(bgr, np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"encoding": "bayer_rggb16"}, "bgr8, rgb8"),
        ({"encoding": ""}, "not supported"),
        ({"encoding": "yuv422", "width": 7}, "even width"),
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"step": 8}, "step is 8 bytes but 8 bgr8 pixels take 24"),
        ({"height": 1000}, "144 bytes but 1000 rows"),
        ({"height": 2**32 - 1, "width": 2**30, "step": 2**32 - 1}, "data are 144 bytes"),
        ({"data": b""}, "data are 0 bytes"),
    ],
)
def test_malformed_images_are_told_in_one_line(change, told):
    message = image("bgr8", 8, np.zeros((6, 24), np.uint8))
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(InputError, match=told) as error:
        image_to_bgr(message)
    assert "\n" not in str(error.value)


@settings(max_examples=250)
@given(images())
def test_an_image_is_converted_as_its_fields_say_or_refused_in_one_short_line(message):
    if refused(message):
        with pytest.raises(InputError) as error:
            image_to_bgr(message)
        assert "\n" not in str(error.value) and len(str(error.value)) < 300
        return
    bgr = image_to_bgr(message)
    assert bgr.shape == (message.height, message.width, 3) and bgr.dtype == np.uint8
    expected = shown(message)
    if expected is not None:
        np.testing.assert_array_equal(bgr, expected)


@pytest.mark.parametrize(
    "height, width, step", [(40000, 2**15, 2**17), (2**32 - 1, 2**30, 2**32 - 1), (1, 2**31, 2**32 - 2)]
)
def test_what_an_image_claims_is_not_allocated(height, width, step):
    message = Image(encoding="bgra8", height=height, width=width, step=step, data=bytes(1000))
    tracemalloc.start()
    with pytest.raises(InputError):
        image_to_bgr(message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("height, width", [(1, 32767), (32767, 1)])
def test_images_longer_than_opencv_can_remap_are_refused(height, width):
    with pytest.raises(InputError, match="32766 a side"):
        image_to_bgr(Image(encoding="mono8", height=height, width=width, step=width, data=bytes(height * width)))


# --- compressed: broken, cut off, too large ---------------------------------------------------------------------------

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2)
JPEG, PNG = (cv2.imencode(kind, PICTURE)[1].tobytes() for kind in (".jpg", ".png"))
HEAD = JPEG.index(b"\xff\xc0")


def png_of(width, height, pixels=b""):
    """A PNG file by its definition, of grey pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def jpeg_of(width, height):
    """The JPEG with another size in its head."""
    return JPEG[: HEAD + 5] + struct.pack(">HH", height, width) + JPEG[HEAD + 9 :]


@pytest.mark.parametrize("make", [png_of, jpeg_of])
@pytest.mark.parametrize("size", [(60000, 60000), (30000, 30000), (65500, 1100)])
def test_a_picture_that_claims_gigabytes_is_refused_before_it_is_decoded(make, size):
    data, before = make(*size), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=f"claims {size[0]} x {size[1]} pixels; at most 67 million"):
        compressed_to_bgr(CompressedImage(format="jpeg", data=data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_a_bomb_that_is_no_lie_is_refused_too():
    """8,200 x 8,200 pixels that are all there, in 65 kB."""
    data = png_of(8200, 8200, bytes(8201 * 8200))
    assert len(data) < 100_000
    with pytest.raises(InputError, match="at most 67 million"):
        compressed_to_bgr(CompressedImage(format="png", data=data))


def test_a_picture_longer_than_opencv_can_remap_is_refused():
    with pytest.raises(InputError, match="32766 a side"):
        compressed_to_bgr(CompressedImage(format="png", data=png_of(40000, 1, bytes(40001))))


@pytest.mark.parametrize("text", ["png", "jpeg", "", "h264", "compressed", "bgr8; jpeg", "\n" * 1000])
@pytest.mark.parametrize("data", [JPEG, PNG])
def test_the_files_head_says_what_it_is_whatever_the_format_says(text, data):
    assert compressed_to_bgr(CompressedImage(format=text, data=data)).shape == PICTURE.shape


@pytest.mark.parametrize("extension", [".bmp", ".tiff", ".webp", ".ppm"])
def test_other_kinds_of_file_are_refused(extension):
    data = cv2.imencode(extension, PICTURE)[1].tobytes()
    with pytest.raises(InputError, match="send JPEG or PNG"):
        compressed_to_bgr(CompressedImage(format="x" * 9999, data=data))


@given(st.sampled_from([JPEG, PNG]), st.data())
def test_what_is_cut_off_is_refused(data, draw):
    length = draw.draw(st.integers(0, len(data) - (13 if data is PNG else 1)))  # a PNG's last chunk holds nothing
    with pytest.raises(InputError, match=f"and {length} bytes: cannot be decoded") as error:
        compressed_to_bgr(CompressedImage(format="jpeg", data=data[:length]))
    told = str(error.value)
    assert "\n" not in told and ("cut off" in told or data is PNG or length < HEAD + 10)


def test_a_chunk_that_claims_gigabytes_is_refused_before_it_is_read():
    data = PNG[:33] + (2**30).to_bytes(4, "big") + PNG[37:]  # behind the head, the second chunk's length
    with pytest.raises(InputError, match="cut off"):
        compressed_to_bgr(CompressedImage(format="png", data=data))


#: What OpenCV would take gigabytes for, or die of.
DANGEROUS = {
    "claims gigabytes": png_of(60000, 60000, b""),
    "a chunk does": PNG[:33] + (2**30).to_bytes(4, "big") + PNG[37:],
    "cut off": PNG[:-20],
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200),
    "its stream alone": b"\xff\x4f\xff\x51" + bytes(200),
}


@pytest.mark.parametrize("data", DANGEROUS.values(), ids=DANGEROUS)
def test_a_dangerous_file_is_never_given_to_opencv(data, tmp_path, monkeypatch):
    path = tmp_path / "face.png"
    path.write_bytes(PNG)
    assert read_image(path).shape == PICTURE.shape
    path.write_bytes(data)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(InputError, match="face.png: it is not an image .* of at most 67 million pixels; convert it"):
        read_image(path)


@pytest.mark.parametrize("behind", [bytes(300), b"\xff" * 50, b"driver's rubbish"])
def test_what_drivers_leave_behind_a_jpeg_is_of_no_matter(behind):
    whole, padded = (compressed_to_bgr(CompressedImage(data=data)) for data in (JPEG, JPEG + behind))
    np.testing.assert_array_equal(padded, whole)


@settings(max_examples=120)
@given(st.sampled_from([JPEG, PNG]), st.lists(st.tuples(st.integers(2, 5000), st.integers(0, 255)), min_size=1))
def test_wrong_bytes_give_a_picture_or_one_line(data, wrong):
    damaged = bytearray(data)
    for place, value in wrong:
        damaged[2 + place % (len(data) - 2)] = value
    try:
        bgr = compressed_to_bgr(CompressedImage(format="jpeg", data=bytes(damaged)))
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert bgr.dtype == np.uint8 and bgr.ndim == 3 and bgr.shape[2] == 3


@given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", JPEG[:300], PNG[:60]]))
def test_any_bytes_have_a_size_or_none(data, head):
    size = claimed_size(head + data)
    assert size is None or min(size) >= 0


def test_the_size_is_found_behind_what_else_a_jpeg_may_hold():
    """A thumbnail in a segment of its own, fill bytes, rubbish between segments."""
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(JPEG)) + JPEG
    assert claimed_size(b"\xff\xd8" + thumbnail + b"\xff\xff\xff\x01rubbish" + jpeg_of(640, 480)[2:]) == (640, 480)
    assert claimed_size(b"\xff\xd8" + 10**6 * b"\xff\xfe\x00\x02" + JPEG[2:]) is None, "not looked for forever"


def test_damaged_pictures_put_nothing_on_the_terminal(capfd):
    rng = np.random.default_rng(0)
    for data in [JPEG, PNG] * 30:
        damaged = bytearray(data)
        for place in rng.integers(150, len(data) - 20, 3):
            damaged[place] = rng.integers(256)
        try:
            compressed_to_bgr(CompressedImage(data=bytes(damaged)))
        except InputError:
            pass
    assert capfd.readouterr().err == ""


def test_what_others_print_while_a_picture_is_decoded_is_not_lost(capfd):
    with decoding._decoders_muted():
        os.write(2, b"[WARN] of another thread\nlibpng error: bad adaptive filter value\nand more\n")
    assert capfd.readouterr().err == "[WARN] of another thread\nand more\n"
