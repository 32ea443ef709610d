"""Image and CompressedImage <-> arrays."""

from __future__ import annotations

import sys
from array import array

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
    if message.encoding not in _CAMERA_ENCODINGS:
        known = ", ".join(_CAMERA_ENCODINGS)
        name = _quoted(message.encoding)
        raise InputError(f"image encoding {name} is not supported; have the camera send one of {known}")
    dtype, channels, to_bgr = _CAMERA_ENCODINGS[message.encoding]
    pixels = _of_camera(_pixels(message, dtype, channels))
    if channels == 2 and message.width % 2:
        width = message.width
        raise InputError(f"a YUV 4:2:2 image must be of even width, this one is of {width}; use another encoding")
    return pixels if to_bgr is None else cv2.cvtColor(pixels, to_bgr)


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
    return _pixels(message, dtype, 3 if ndim == 3 else 1)


def _pixels(message: Image, kind: type[np.generic], channels: int) -> np.ndarray:
    """The message's pixels without row padding: (H, W) or (H, W, channels), of the machine's own byte order."""
    height, width, step, dtype = message.height, message.width, message.step, np.dtype(kind)
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
    """The pixels (H, W, ..) of an image that can be worked on, of 8 bits."""
    height, width = pixels.shape[:2]
    if max(height, width) > LONGEST_SIDE:
        raise InputError(f"image is {width} x {height} pixels; at most {LONGEST_SIDE} a side can be worked on")
    return _to_8_bits(pixels) if pixels.dtype == np.uint16 else pixels


def _quoted(text: str) -> str:
    """What a sender wrote, fit for a line."""
    return repr(text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "...")


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """16 bits to 8: cameras put 8, 10, 12, 14 or 16 bits in it; the fewest that hold the brightest pixel count.

    A stretch to the image's own range would be finer, but its brightness would change with every frame.
    """
    bits = max(int(pixels.max()).bit_length(), 8)
    return (pixels >> (bits + bits % 2 - 8)).astype(np.uint8)


#: cv_bridge would read them alike, but refuse 8UC1, 8UC3, 8UC4 and 16UC1, and leave 10 or 12 bits of 16 almost black.
#: The type of a number, how many a pixel has (2: YUV 4:2:2), and OpenCV's code for what makes BGR of them.
_CAMERA_ENCODINGS: dict[str, tuple[type[np.generic], int, int | None]] = {
    "bgr8": (np.uint8, 3, None),
    "rgb8": (np.uint8, 3, cv2.COLOR_RGB2BGR),
    "mono8": (np.uint8, 1, cv2.COLOR_GRAY2BGR),
    "8UC1": (np.uint8, 1, cv2.COLOR_GRAY2BGR),
    "8UC3": (np.uint8, 3, None),
    "bgra8": (np.uint8, 4, cv2.COLOR_BGRA2BGR),
    "rgba8": (np.uint8, 4, cv2.COLOR_RGBA2BGR),
    "8UC4": (np.uint8, 4, cv2.COLOR_BGRA2BGR),
    "yuv422": (np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (np.uint8, 2, cv2.COLOR_YUV2BGR_YUYV),
    "yuyv": (np.uint8, 2, cv2.COLOR_YUV2BGR_YUYV),
    "mono16": (np.uint16, 1, cv2.COLOR_GRAY2BGR),
    "16UC1": (np.uint16, 1, cv2.COLOR_GRAY2BGR),
}

#: By the type of a number and the array's dimensions.
_LAYER_ENCODINGS: dict[tuple[type[np.generic], int], str] = {
    (np.uint8, 3): "bgr8",
    (np.uint8, 2): "mono8",
    (np.float32, 2): "32FC1",
}
