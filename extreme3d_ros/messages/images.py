"""Image and CompressedImage <-> arrays."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.decoding import decoded

#: Pixels that a side may have: OpenCV's remapping takes no more.
LONGEST_SIDE = 2**15 - 2
#: Letters of a sender's text that are told.
_LONGEST_NAME = 40


def image_to_bgr(message: Image) -> np.ndarray:
    """A camera's image as (H, W, 3) uint8 BGR. Raises InputError where the message cannot be one."""
    encoding = _CAMERA_ENCODINGS.get(message.encoding)
    if encoding is None:
        known = ", ".join(_CAMERA_ENCODINGS)
        name = _quoted(message.encoding)
        raise InputError(f"image encoding {name} is not supported; have the camera send one of {known}")
    return encoding.to_bgr(_of_camera(_pixels(message, encoding.dtype, encoding.channels)))


def compressed_to_bgr(message: CompressedImage) -> np.ndarray:
    """A camera's JPEG or PNG image as (H, W, 3) uint8 BGR. Raises InputError where it can't be decoded.

    The format's text matters in one case: "...compressed rgb8" says that the sender took RGB for BGR when it encoded,
    and compressed_image_transport's subscriber, ROS's own, undoes that.
    """
    try:
        image = _of_camera(decoded(bytes(message.data)))
    except InputError as error:
        about = f"compressed image of format {_quoted(message.format)} and {len(message.data)} bytes"
        raise InputError(f"{about}: {error}") from error
    if image.dtype == np.uint16:
        image = _to_8_bits(image)
    return cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if "compressed rgb" in message.format else image


def layer_to_image(layer: np.ndarray, header: Header) -> Image:
    """An array as Image: (H, W, 3) uint8 as bgr8, (H, W) uint8 as mono8, (H, W) float32 as 32FC1."""
    return Image(
        header=header,
        height=layer.shape[0],
        width=layer.shape[1],
        encoding=_LAYER_ENCODINGS[layer.dtype.type, layer.ndim],
        is_bigendian=int(sys.byteorder == "big"),
        step=layer[0].nbytes,
        data=array("B", layer.tobytes()),  # lists and ndarrays are checked element by element, this is not
    )


def image_to_layer(message: Image, encoding: str) -> np.ndarray:
    """The array in an Image that must be of the given encoding: bgr8, mono8 or 32FC1. Raises InputError else."""
    if message.encoding != encoding:
        raise InputError(f"image encoding is {_quoted(message.encoding)} where {encoding!r} is needed")
    dtype, ndim = next(key for key, value in _LAYER_ENCODINGS.items() if value == encoding)
    return _pixels(message, np.dtype(dtype), 3 if ndim == 3 else 1)


def _pixels(message: Image, dtype: np.dtype, channels: int) -> np.ndarray:
    """The message's pixels without row padding: (H, W) or (H, W, channels), of the machine's own byte order."""
    height, width, step = message.height, message.width, message.step
    row = width * channels * dtype.itemsize
    if not height or not width:
        raise InputError(f"image is empty: {width} x {height} pixels; check the camera's settings")
    if step < row:
        raise InputError(
            f"image step is {step} bytes but {width} {message.encoding} pixels take {row}; the camera driver is wrong"
        )
    if len(message.data) < step * height:
        raise InputError(
            f"image data are {len(message.data)} bytes but {height} rows of {step} bytes take {step * height}; "
            "the image was cut off or the camera driver is wrong"
        )
    rows = np.frombuffer(message.data, np.uint8, step * height).reshape(height, step)
    stored = dtype.newbyteorder(">" if message.is_bigendian else "<")
    pixels = np.ascontiguousarray(rows[:, :row]).view(stored).astype(dtype, copy=False)
    return pixels if channels == 1 else pixels.reshape(height, width, channels)


def _of_camera(pixels: np.ndarray) -> np.ndarray:
    """The pixels (H, W, ..) of an image that can be worked on."""
    height, width = pixels.shape[:2]
    if max(height, width) > LONGEST_SIDE:
        raise InputError(f"image is {width} x {height} pixels; at most {LONGEST_SIDE} a side can be worked on")
    return pixels


def _quoted(text: str) -> str:
    """What a sender wrote, fit for a line."""
    return repr(text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "...")


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """16 bits to 8: cameras put 8, 10, 12, 14 or 16 bits in it; the fewest that hold the brightest pixel count.

    A stretch to the image's own range would be finer, but its brightness would change with every frame.
    """
    bits = max(int(pixels.max()).bit_length(), 8)
    return (pixels >> (bits + bits % 2 - 8)).astype(np.uint8)


def _yuv(code: int) -> Callable[[np.ndarray], np.ndarray]:
    def to_bgr(pixels: np.ndarray) -> np.ndarray:
        if pixels.shape[1] % 2:
            width = pixels.shape[1]
            raise InputError(f"a YUV 4:2:2 image must be of even width, this one is of {width}; use another encoding")
        return cv2.cvtColor(pixels, code)

    return to_bgr


def _by(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(pixels, code)


@dataclass(frozen=True)
class _Encoding:
    dtype: np.dtype
    channels: int
    to_bgr: Callable[[np.ndarray], np.ndarray]


_U8, _U16 = np.dtype(np.uint8), np.dtype(np.uint16)
_BGR = _Encoding(_U8, 3, lambda pixels: pixels)
_BGRA = _Encoding(_U8, 4, _by(cv2.COLOR_BGRA2BGR))
_GREY = _Encoding(_U8, 1, _by(cv2.COLOR_GRAY2BGR))
_GREY16 = _Encoding(_U16, 1, lambda pixels: cv2.cvtColor(_to_8_bits(pixels), cv2.COLOR_GRAY2BGR))
_UYVY = _Encoding(_U8, 2, _yuv(cv2.COLOR_YUV2BGR_UYVY))
_YUYV = _Encoding(_U8, 2, _yuv(cv2.COLOR_YUV2BGR_YUYV))

_CAMERA_ENCODINGS = {
    "bgr8": _BGR,
    "rgb8": _Encoding(_U8, 3, _by(cv2.COLOR_RGB2BGR)),
    "mono8": _GREY,
    "8UC1": _GREY,
    "8UC3": _BGR,
    "bgra8": _BGRA,
    "rgba8": _Encoding(_U8, 4, _by(cv2.COLOR_RGBA2BGR)),
    "8UC4": _BGRA,
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "mono16": _GREY16,
    "16UC1": _GREY16,
}

_LAYER_ENCODINGS = {(np.uint8, 3): "bgr8", (np.uint8, 2): "mono8", (np.float32, 2): "32FC1"}
