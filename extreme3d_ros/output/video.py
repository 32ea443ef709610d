"""Videos as files: MP4 with H.264, which everything plays, where there is an `ffmpeg`; else WebM with VP8, which
browsers play and OpenCV's wheels can write, at thrice the time and size.

ffmpeg stays a program beside this one: what it is built of is under the GPL, and this package is not.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from extreme3d_ros.errors import InputError
from extreme3d_ros.native_stderr import native_stderr_silenced
from extreme3d_ros.output.atomic import placed_when_whole

Show = Callable[[np.ndarray], object]


def video_suffix() -> str:
    """Of the videos that this machine can write: .mp4 or .webm."""
    return ".mp4" if _ffmpeg() else ".webm"


@contextmanager
def video_file(path: str | Path, rate: float, width: int, height: int) -> Iterator[Show]:
    """Takes a video's frames, (height, width, 3) uint8 BGR, both even, in the block; at its end the file is there,
    whole, or not at all where the block raises. path: ends in `video_suffix()`; rate: frames a second.

    Raises InputError where the video can't be written.
    """
    with placed_when_whole(path) as temporary:
        ffmpeg, about, shown = _ffmpeg(), (temporary, rate, width, height), 0
        with _h264(ffmpeg, *about) if ffmpeg else _vp8(*about) as write:

            def show(image: np.ndarray) -> None:
                nonlocal shown
                write(image)
                shown += 1

            yield show
        if _frames_in(temporary) != shown:  # neither writer tells of a full disk
            raise InputError(f"cannot write {path}: the video came out broken; check the folder and the disk")


def _frames_in(path: Path) -> int:
    """How many frames of a video can be read; -1 where it cannot be opened."""
    with native_stderr_silenced():
        capture = cv2.VideoCapture(str(path))
        count = 0 if capture.isOpened() else -1
        while capture.grab():
            count += 1
    return count


@contextmanager
def _h264(ffmpeg: str, path: Path, rate: float, width: int, height: int) -> Iterator[Show]:
    frames = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", f"{rate}", "-i", "-"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    # A session of its own: Ctrl-C is for this process to see, which then ends the video in order.
    with subprocess.Popen(
        [ffmpeg, "-v", "error", *frames, *coding, "-y", path],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        frames_in, errors_out = process.stdin, process.stderr
        assert frames_in is not None and errors_out is not None, "both are pipes"
        try:
            yield lambda image: frames_in.write(np.ascontiguousarray(image).data)
        except BrokenPipeError as error:
            said = errors_out.read().decode(errors="replace").strip().splitlines()
            raise InputError(f"cannot write {path.name}: ffmpeg says {said[-1] if said else 'nothing'}") from error
        except BaseException:
            process.kill()
            raise


@contextmanager
def _vp8(path: Path, rate: float, width: int, height: int) -> Iterator[Show]:
    with native_stderr_silenced():  # OpenCV tells of a tag that WebM does not need
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), rate, (width, height))
    try:
        if not writer.isOpened():
            raise InputError("no video can be written: this OpenCV has no VP8, and there is no ffmpeg; install ffmpeg")
        yield writer.write
    finally:
        writer.release()


@cache
def _ffmpeg() -> str | None:
    """An ffmpeg with H.264: the machine's, or the one that imageio-ffmpeg (the extra `film`) brings."""
    found = shutil.which("ffmpeg") or _imageios()
    if found is None:
        return None
    said = subprocess.run([found, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False).stdout
    return found if "libx264" in said else None


def _imageios() -> str | None:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
