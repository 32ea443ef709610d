"""`extreme3d reconstruct` of films: a video's or camera's frames in, one moving face and a figure of it out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from extreme3d_ros.calibration import Calibration
from extreme3d_ros.cli.aside import Aside
from extreme3d_ros.cli.film_faces import FilmFaces, FilmOptions
from extreme3d_ros.cli.interruption import until_interrupted
from extreme3d_ros.errors import InputError, NoFaceError
from extreme3d_ros.input.films import Recording, Video, Webcam, is_camera, is_video
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.live import LivePath
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.output.document import film_document, film_entry
from extreme3d_ros.output.film_figure import FilmFigure, Posed, window
from extreme3d_ros.output.video import video_file, video_suffix
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.records import Frame

#: Seconds between the frames that are looked at to see where the faces will be.
_GLANCES = 0.5
#: How many faces --faces all is.
_ALL = 16


def is_film(source: str) -> bool:
    """Whether a source of `reconstruct` is a film, not an image."""
    return is_camera(source) or is_video(source)


def stem_of(source: str) -> str:
    """What the names of a source's results begin with."""
    return f"camera{source}" if is_camera(source) else Path(source).stem


class FilmReconstruction:
    """Turns films into files of a folder. completion: None to stop before it; the meshes are the foundation's then."""

    def __init__(
        self,
        out: Path,
        fast: FastPath,
        completion: Completion | None,
        calibration: Calibration | None,
        options: FilmOptions,
    ):
        self._out, self._fast, self._completion = out, fast, completion
        self._calibration, self._options = calibration, options
        self._most = _ALL if options.every_face else 1

    def __call__(self, source: str) -> None:
        """Writes all files of one film: at Ctrl-C, of what was seen until then, and KeyboardInterrupt comes after.

        Raises NoFaceError where no frame shows a face.
        """
        film = self._recorded(source) if is_camera(source) else Video(source, self._options.seconds)
        first, boxes = self._glance(source, film)
        figure = FilmFigure(window(boxes, first.camera.width, first.camera.height))
        with until_interrupted() as interrupted:
            self._work(source, film, first, figure, interrupted)
        if interrupted():
            raise KeyboardInterrupt

    @cached_property
    def _live(self) -> LivePath:
        return LivePath(self._fast)

    def _recorded(self, source: str) -> Recording:
        """A camera's film, to --seconds or Ctrl-C; if the camera fails, what it gave until then."""
        recording = Recording()
        with closing(Webcam(int(source))) as camera:
            try:
                self._record(camera, recording)
            except InputError as error:
                if not recording.count:
                    raise
                tqdm.write(f"extreme3d: {error}; what was recorded until then is used", file=sys.stderr)
        return recording

    def _record(self, camera: Webcam, recording: Recording) -> None:
        seconds, start = self._options.seconds, None
        count = None if seconds is None else round(seconds * camera.rate)
        with until_interrupted() as interrupted:
            for image in self._progress(camera, "recording; Ctrl-C ends it", count):
                now = time.monotonic()
                start = now if start is None else start
                if interrupted() or (seconds is not None and now - start >= seconds):
                    return
                recording.add(now, image)

    def _work(
        self,
        source: str,
        film: Video | Recording,
        first: Frame,
        figure: FilmFigure,
        interrupted: Callable[[], bool],
    ) -> None:
        stem = stem_of(source)
        faces = FilmFaces(self._out, stem, self._fast.model, self._completion, self._options)
        path = self._out / f"{stem}_figure{video_suffix()}"
        self._live.reset()
        with video_file(path, film.rate, figure.width, figure.height) as show, Aside() as aside:

            def draw(frame: Frame, meshes: list[Posed]) -> None:
                show(figure(frame, meshes))

            times, entries = [], []
            for number, (at, image) in enumerate(self._progress(film, stem, film.count)):
                if interrupted():
                    break
                frame = frame_of(image, self._calibration)
                said, meshes = faces(number, frame, self._live(frame, at, self._most))
                faces.forget_all_but(self._live.known)
                aside(partial(draw, frame, meshes))
                times.append(at)
                entries.append(film_entry(number, at, said))
            if not faces.found:
                if interrupted():
                    raise KeyboardInterrupt
                raise NoFaceError(f"{source}: no face found in {len(times)} frames; use a film of an upright face")
        write_bytes(self._out / f"{stem}.json", film_document(first, film.rate, entries))
        result = faces.write(np.array(times), first.camera)
        if not self._options.quiet:
            tqdm.write(f"{source}: {len(times)} frames, {len(times) - faces.found} without a face; {result}")

    def _glance(self, source: str, film: Video | Recording) -> tuple[Frame, np.ndarray]:
        """The first frame, and the boxes (F, 4) of the faces that will be shown."""
        frames = (frame_of(image, self._calibration) for _, image in film)
        first, boxes = None, []
        for frame in islice(frames, 0, None, max(round(_GLANCES * film.rate), 1)):
            first = first or frame
            faces = self._live.detection(frame.image)
            boxes += [face.bbox for face in faces[: self._most]]
        if first is None:
            raise InputError(f"{source} gives no images; record it anew, or convert it to MP4")
        return first, np.array(boxes).reshape(-1, 4)

    def _progress(self, frames, name: str, count: int | None):
        silent = self._options.quiet or not sys.stderr.isatty()
        return tqdm(frames, name, count or None, unit="frame", disable=silent)
