"""Films: frames that follow each other, each with its time, from a video's file or a camera."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.native_stderr import native_stderr_silenced

#: What OpenCV is asked to open as a video; other files are images.
VIDEOS = {
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts"),
    *(".webm", ".wmv"),
}
#: Frames a second where neither file nor camera says how many, and the most that is believed.
_USUAL_RATE, _HIGHEST_RATE = 30.0, 1000.0
_JPEG_QUALITY = 97

Frames = Iterator[tuple[float, np.ndarray]]


def is_camera(source: str) -> bool:
    """Whether a source is a camera's number; a file of that name is a file."""
    return source.isdecimal() and not os.path.exists(source)


def is_video(source: str) -> bool:
    """Whether a source names a video's file, by its suffix."""
    return Path(source).suffix.lower() in VIDEOS


class Video:
    """A video's file at `path`. rate: frames a second; count: how many frames there are as it says, or 0."""

    def __init__(self, path: str | Path, seconds: float | None = None):
        """seconds: nothing later than that is shown. Raises InputError where the file can't be read."""
        self.path, self._end = str(path), np.inf if seconds is None else seconds
        if not os.path.isfile(path):  # pathlib's own raises where a name is too long
            raise InputError(f"cannot read {path}: there is no such file; give the path of a video")
        capture = _opened(self.path, self.path)
        self.rate = _rate(capture)
        self.count = max(int(min(capture.get(cv2.CAP_PROP_FRAME_COUNT), np.ceil(self._end * self.rate))), 0)
        capture.release()

    def __iter__(self) -> Frames:
        """Seconds since the first frame, rising, and (H, W, 3) uint8 BGR, turned upright as the file says."""
        capture = _opened(self.path, self.path)
        start, time = None, -1 / self.rate
        try:
            while True:
                there, image = capture.read()
                if not there:
                    return
                said = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                start = said if start is None else start
                # Some files' frames have no times, or times that fall.
                time = said - start if said - start > time else time + 1 / self.rate
                if time >= self._end:
                    return
                yield time, image
        finally:
            capture.release()


class Webcam:
    """A camera of this machine, by its number. rate: frames a second, as it says."""

    def __init__(self, number: int):
        """Raises InputError where there is no such camera."""
        self._name = f"camera {number}"
        self._capture = _opened(number, self._name)
        self.rate = _rate(self._capture)

    def __iter__(self) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 BGR as they come, without end. Raises InputError when no more do."""
        while (frame := self._capture.read())[0]:
            yield frame[1]
        raise InputError(f"{self._name} gives no images any more")

    def close(self) -> None:
        """Lets others have the camera."""
        self._capture.release()


class Recording:
    """Frames kept in a temporary file, as JPEG of high quality, which is gone with this process: a camera's, who does
    not wait for our work. rate: frames a second on the average; count: of frames."""

    def __init__(self):
        self._file = tempfile.TemporaryFile()
        self._frames: list[tuple[float, int]] = []

    @property
    def count(self) -> int:
        return len(self._frames)

    @property
    def rate(self) -> float:
        lasted = self._frames[-1][0] - self._frames[0][0] if self._frames else 0.0
        return (self.count - 1) / lasted if lasted > 0 else _USUAL_RATE

    def add(self, time: float, image: np.ndarray) -> None:
        """The next frame; time: seconds, later than the one before. Raises InputError where the disk is full."""
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(data.data)
            self._file.flush()
        except OSError as error:
            raise InputError(f"cannot record to {tempfile.gettempdir()}: {error.strerror}; make room there") from error
        self._frames.append((time, len(data)))

    def __iter__(self) -> Frames:
        """Seconds since the first frame and (H, W, 3) uint8 BGR."""
        place = 0
        for time, size in list(self._frames):
            self._file.seek(place)
            data = np.frombuffer(self._file.read(size), np.uint8)
            place += size
            yield time - self._frames[0][0], cv2.imdecode(data, cv2.IMREAD_COLOR)


def _opened(source: str | int, name: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture()
    with native_stderr_silenced(), suppress(cv2.error):  # raised where a number is too large
        capture.open(source)
    if not capture.isOpened():
        raise InputError(f"cannot open {name}; check that it is there and that OpenCV knows its format")
    return capture


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 0 < rate <= _HIGHEST_RATE else _USUAL_RATE
