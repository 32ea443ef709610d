"""What our detection finds and MediaPipe's packaged graph does not: turned and covered heads, pictures without a face.

    .venv/bin/python -m benchmarks.detection [--head N] [--pictures N] [--ict FOLDER] [--json]

A head counts as found where a face is reported, as right where its 468 points lie within 15 % of the face's height of
their true places on average. The thresholds were chosen on heads 1 and 5 and on pictures 0, 7, 8 and 9.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from benchmarks import faceless
from benchmarks.clocks import milliseconds
from benchmarks.command import figures_parser, tell
from benchmarks.covered_heads import COVERS, YAWS, CoveredHeads
from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.tracking import Tracker
from training.face_model.ict import ICT_FOLDER

_RIGHT, _REPEATS = 0.15, 100
#: Pictures a second of a turning head.
_RATE = 15


class PackagedGraph:
    """MediaPipe's own graph: the short-range detector, then the mesh with attention."""

    def __init__(self):
        from mediapipe.python.solution_base import SolutionBase

        self._graph = SolutionBase(
            binary_graph_path="mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb",
            side_inputs={"num_faces": 8, "with_attention": True, "use_prev_landmarks": False},
            outputs=["multi_face_landmarks"],
        )

    def __call__(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image; without boxes and scores."""
        meshes = self._graph.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks or []
        points = [np.array([(p.x, p.y) for p in mesh.landmark[:468]]) for mesh in meshes]
        return [Face((0, 0, 0, 0), p * image.shape[1::-1] - 0.5, 1.0) for p in points]


def measure(arguments) -> dict:
    """What is found by each of "graph" and "ours", of how many; and of films what ours finds frame by frame, and what a
    tracker."""
    finders, turning = {"graph": PackagedGraph(), "ours": Detection()}, films(arguments)
    counted = {
        title: {"of": len(pictures)} | {name: count(finder, pictures) for name, finder in finders.items()}
        for title, pictures in heads(arguments).items()
    }
    empty = [image for _, image in faceless.pictures(arguments.pictures)]
    image = cv2.resize(data.astronaut()[..., ::-1], (640, 480))
    return {
        "heads": counted,
        "faceless": {"of": len(empty)}
        | {name: sum(bool(finder(one)) for one in empty) for name, finder in finders.items()},
        "turning": {
            "of": sum(map(len, turning)),
            "followed": [follow(finders["ours"], turning, way) for way in (False, True)],
        },
        "ms": milliseconds({name: partial(finder, image) for name, finder in finders.items()}, _REPEATS),
    }


def table(measured: dict) -> str:
    """The figures as aligned text."""
    lines = [f"{'':<34}{'graph':>14}{'ours':>14}"]
    for title, row in measured["heads"].items():
        of, cells = row["of"], ["{}/{}".format(*row[name]) for name in ("graph", "ours")]
        lines.append(f"{f'{title} ({of}), found/right':<34}{cells[0]:>14}{cells[1]:>14}")
    empty, turning, (slow, fast) = measured["faceless"], measured["turning"], measured["ms"].values()
    name = f"without a face ({empty['of']}), found"
    lines.append(f"{name:<34}{empty['graph']:>14}{empty['ours']:>14}")
    for title, (found, mean, hard) in zip(("frame by frame", "followed"), turning["followed"]):
        name = f"a head that turns, {title}"
        lines.append(f"{name:<40}{found} of {turning['of']} found; ms a frame {mean:.0f}, slowest tenth {hard:.0f}")
    lines.append(f"{'processor ms, upright, 640 x 480':<34}{slow:>14.1f}{fast:>14.1f}   ratio {fast / slow:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = figures_parser("detection", __doc__)
    parser.add_argument("--head", type=int, default=1, help="seed of the head's shape and skin")
    parser.add_argument("--pictures", type=int, default=0, help="seed of the pictures without a face")
    parser.add_argument("--ict", type=Path, default=ICT_FOLDER, help="folder of ICT-FaceKit light")
    arguments = parser.parse_args()
    if not (arguments.ict / "ict_facekit.npz").exists():
        parser.error(f"no ict_facekit.npz in {arguments.ict}: give its folder with --ict")
    tell(arguments, measure(arguments), table)


def heads(arguments) -> dict[str, list]:
    """The sets of pictures of one head, by their titles."""
    draw = CoveredHeads(arguments.ict, arguments.head)
    skin = 2 * arguments.head + 1
    sets = {cover: [draw(yaw, cover, skin=skin) for yaw in YAWS] for cover in COVERS}
    sets["all"] = [picture for pictures in sets.values() for picture in pictures]
    sets["yaw 80"] = [draw(yaw, "clear", skin=skin) for yaw in (-80, 80)]
    sets["pitch 40"] = [draw(yaw, "clear", pitch=pitch, skin=skin) for pitch in (-40, 40) for yaw in (-30, 0, 30)]
    sets["roll, every 30 degrees"] = [draw(0, "clear", roll=roll, skin=skin) for roll in range(-150, 181, 30)]
    return sets


def films(arguments) -> list[list]:
    """A head that turns to one side and to the other by 5 degrees a picture, for each cover."""
    draw = CoveredHeads(arguments.ict, arguments.head)
    yaws = [*range(0, 76, 5), *range(70, -76, -5)]
    return [[draw(yaw, cover, skin=2 * arguments.head + 1) for yaw in yaws] for cover in COVERS]


def follow(detection: Detection, turning: list[list], followed: bool) -> tuple[int, float, float]:
    """Pictures with a face found, mean milliseconds of all and of the slowest tenth; followed: by a tracker."""
    times, found = [], 0
    for film in turning:
        tracker = Tracker(detection)
        for n, picture in enumerate(film):
            start = time.perf_counter()
            faces = tracker(picture.image, n / _RATE) if followed else detection(picture.image)
            times.append(1e3 * (time.perf_counter() - start))
            found += bool(faces)
    slowest = sorted(times)[-len(times) // 10 :]
    return found, float(np.mean(times)), float(np.mean(slowest))


def count(finder, pictures) -> tuple[int, int]:
    """How many of the heads are found, and how many of these with points in their right places."""
    found = [(faces[0], picture) for picture in pictures if (faces := finder(picture.image))]
    return len(found), sum(error(face.points, picture.points) < _RIGHT for face, picture in found)


def error(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of points (468, 2) in heights of the face."""
    return float(np.linalg.norm(points - truth, axis=1).mean() / np.ptp(truth, axis=0).max())


if __name__ == "__main__":
    main()
