"""JPEG and PNG as cameras send them, decoded with what a robot can afford: little memory, no line a frame on stderr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.image_size import MOST_PIXELS, claimed_size, is_cut_off
from extreme3d_ros.native_stderr import native_stderr_into

#: Begins what libjpeg and libpng print of a damaged picture.
_COMPLAINT = re.compile(rb"Corrupt JPEG data|libpng |Premature end of JPEG|Invalid SOS|Unsupported marker|Bogus ")


def decoded(data: bytes) -> np.ndarray:
    """A JPEG or PNG file as (H, W, 3) of 8 or 16 bits, BGR. Raises InputError where it is none, cut off or too large.

    What is damaged in the middle is decoded as far as it goes: many webcams send a few wrong bytes in every frame.
    """
    size = claimed_size(data)
    if size is None:
        raise InputError("cannot be decoded; send JPEG or PNG")
    if size[0] * size[1] > MOST_PIXELS:
        raise InputError(f"claims {size[0]} x {size[1]} pixels; at most {MOST_PIXELS / 1e6:.0f} million are taken")
    if is_cut_off(data):
        raise InputError("cannot be decoded, it was cut off; check the camera's driver and the network")
    with _decoders_muted():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error:
            image = None
    if image is None:
        raise InputError("cannot be decoded, it is damaged; check the camera's driver and the network")
    return image


@contextmanager
def _decoders_muted() -> Iterator[None]:
    """Keeps the decoders' complaints from stderr, where they would come for every frame.

    What other threads print meanwhile comes when it is over.
    """
    held = os.memfd_create("stderr")
    try:
        with native_stderr_into(held):
            yield
        printed = os.pread(held, os.lseek(held, 0, os.SEEK_END), 0)
    finally:
        os.close(held)
    if others := [line for line in printed.splitlines(True) if not _COMPLAINT.match(line)]:
        os.write(2, b"".join(others))
