"""`extreme3d bench`: what each stage costs on this machine."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np

from extreme3d_ros.cli.measures import WARM_UP, machine, median_and_p95, times_of
from extreme3d_ros.cli.options import engines_of
from extreme3d_ros.errors import NoFaceError
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import demo_image, read_image
from extreme3d_ros.live import LivePath
from extreme3d_ros.native_stderr import native_stderr_silenced
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.profiles import face_model_of, fast_path_of
from extreme3d_ros.records import FaceMesh, Frame
from extreme3d_ros.references.default import references_of

#: Frames a second that the face is followed at.
_RATE = 15.0


def bench(arguments) -> int:
    """Runs the command."""
    image = read_image(arguments.image) if arguments.image else vga(demo_image())
    model = face_model_of(arguments.profile, arguments.face_model)
    fast = fast_path_of(arguments.profile, model, engines_of(arguments))
    result = measure(frame_of(image), max(arguments.frames, 1), fast)
    print(json.dumps(result, indent=1) if arguments.json else _table(result))
    return 0


def measure(frame: Frame, frames: int, fast: FastPath) -> dict:
    """Median and 95th percentile in milliseconds of each stage of a film of one image, of both roads, and of what
    stands beside them."""
    completion, live = Completion(fast.model, references_of("", fast.model.name)), LivePath(fast)
    stages: dict[str, list[float]] = {}
    for number in range(WARM_UP + frames):
        begin = time.perf_counter()
        fast.detection(frame.image)
        start = time.perf_counter()
        observations = live(frame, number / _RATE)
        middle = time.perf_counter()
        if not observations:
            raise NoFaceError("the image shows no face: name another with --image")
        seen = observations[0]
        completed = completion(seen.crop, seen.foundation, seen.layers)
        end = time.perf_counter()
        if number >= WARM_UP:
            roads = {"face_node's road": (middle - start) * 1e3, "completion_node's road": (end - middle) * 1e3}
            beside = {"detection of a single image": (start - begin) * 1e3}
            for name, ms in {**seen.timings_ms, **completed.timings_ms, **roads, **beside}.items():
                stages.setdefault(name, []).append(ms)
    if alone := _mediapipe_times(frame.image, frames):
        stages["mediapipe alone"] = alone
    if marker := _marker_times(completed.mesh, frames):
        stages["Marker of 100k triangles"] = marker
    return {
        "machine": machine(),
        "image_size": [frame.camera.width, frame.camera.height],
        "frames": frames,
        "mesh": {"vertices": len(completed.mesh.vertices), "triangles": len(completed.mesh.faces)},
        "ms": {name: dict(zip(("median", "p95"), median_and_p95(times))) for name, times in stages.items()},
    }


def vga(image: np.ndarray) -> np.ndarray:
    """The upper part of an image as 640 x 480."""
    height, width = image.shape[:2]
    return cv2.resize(image[: min(width * 3 // 4, height)], (640, 480), interpolation=cv2.INTER_CUBIC)


def _mediapipe_times(image: np.ndarray, frames: int) -> list[float]:
    """Times of MediaPipe's own graph on the same frames: refined points, the region followed from frame to frame.

    Empty where MediaPipe's Python part doesn't import: our own road needs but its network files.
    """
    try:
        from mediapipe.python.solutions import face_mesh
    except ImportError:
        return []
    rgb = np.ascontiguousarray(image[..., ::-1])
    with native_stderr_silenced(), face_mesh.FaceMesh(refine_landmarks=True) as graph:
        return times_of(lambda: graph.process(rgb), frames)


def _marker_times(mesh: FaceMesh, frames: int) -> list[float]:
    """Times of serialising a mesh of 100,000 triangles for /face/mesh; empty where ROS isn't installed."""
    if not find_spec("rclpy"):
        return []
    from std_msgs.msg import Header

    from extreme3d_ros.messages.marker import MarkerWriter

    write = MarkerWriter()
    large = replace(mesh, faces=np.resize(mesh.faces, (100_000, 3)))
    return times_of(lambda: write(large, Header(frame_id="camera")), frames)


def _table(result: dict) -> str:
    lines = [f"{result['machine']}; {result['frames']} frames of {result['image_size']}; mesh {result['mesh']}"]
    lines.append(f"{'stage':<28}{'median ms':>10}{'p95 ms':>9}")
    lines += [f"{name:<28}{t['median']:>10.2f}{t['p95']:>9.2f}" for name, t in result["ms"].items()]
    return "\n".join(lines)
