"""The nodes under load: a fast camera of large images, and many subscribers to /face/mesh.

    .venv/bin/python -m benchmarks.load [--seconds 20] [--parts images subscribers] [--json]

All are processes of their own (load_parts.py), all on this machine; "of a core" is what a process uses of one, in
percent. Two tables:

images: a camera (raw: bgr8, or JPEG) before face_node and completion_node, who watches bump_map and mesh.
  sent, taken, done: images a second that the camera sent, that face_node counted, of which a bump_map came
  newer: how many newer images the camera had sent when the work on one began, median and worst; the start is taken for
      the arrival of the bump_map before, so that it is a bound from above; newest wins where it is 0 or 1
  age, third: milliseconds from stamp to the bump_map's arrival, medians of the first and the last third
  95 %, max: of the same; frames: how many images the camera sent meanwhile, median
  mesh, 95 %: the same of the mesh, and meshes a second
  face, completion, camera, watcher: of a core
  idle: of a core, of face_node, while nobody watches; each: milliseconds of processor for an image then
  others: of a core, what all the machine's other processes used: figures of rows are comparable where it is small
subscribers: of mesh, raw, each a process of its own, before a camera of 640 x 480 and 15 images a second.
  rate: meshes a second at the slowest and the fastest subscriber (slow ones left out); sent: at face_node's bump_map
  age, 95 %, max: milliseconds from stamp to arrival, of all
  a mesh: milliseconds of processor that completion_node spends on one; subscribers: of a core, all together
  shared: MB of shared memory that completion_node holds
  one slow: one more that sleeps for a second over each
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import contextmanager

import numpy as np

from benchmarks.command import parser_of
from benchmarks.containers import Child
from benchmarks.load_parts import CAMERA, NAMESPACE, Part
from benchmarks.load_tables import Window, ages, print_table, shared_mb

#: transport, reliability, size, rate; the first is what the others are compared with.
CAMERAS = [
    ("raw", "best_effort", "640x480", 15),
    ("raw", "best_effort", "640x480", 60),
    ("raw", "best_effort", "1920x1080", 15),
    ("raw", "best_effort", "1920x1080", 60),
    ("raw", "reliable", "1920x1080", 60),
    ("compressed", "best_effort", "1920x1080", 60),
    ("compressed", "reliable", "1920x1080", 60),
]
#: How many, and whether there is a slow one too.
SUBSCRIBERS = [(1, False), (4, False), (16, False), (4, True)]

#: Seconds until the first messages at most: a new installation compiles its kernels; and until all has settled.
_PATIENCE, _SETTLING = 120.0, 5.0


@contextmanager
def ended(*children: Child) -> Iterable[None]:
    """Ends processes in any case."""
    try:
        yield
    finally:
        for child in children:
            child.end()


def nodes(transport: str, reliability: str) -> list[Child]:
    """face_node and completion_node."""
    common = ["-r", f"__ns:={NAMESPACE}", "--log-level", "warn"]
    images = ["-r", f"image_raw:={CAMERA}", "-p", f"image_transport:={transport}", "-p", f"reliability:={reliability}"]
    return [Child("face_node", *common, *images), Child("completion_node", *common)]


def try_camera(transport: str, reliability: str, size: str, rate: int, seconds: float) -> dict[str, object]:
    """A row of the first table."""
    face, completion = nodes(transport, reliability)
    camera = Part("send", transport, reliability, size, rate)
    watcher = Part("listen", 0, "bump_map", "mesh", "diagnostics")
    with ended(camera, watcher, face, completion):
        watcher.wait(_PATIENCE)
        time.sleep(_SETTLING)
        busy = Window([face, completion, camera, watcher], seconds)
        bumps, meshes, counts = map(np.array, watcher.report())
        time.sleep(_SETTLING)
        idle = Window([face, camera], seconds / 2)
        sent = np.array(camera.report())
    bumps, meshes, counts = busy.within(bumps), busy.within(meshes), busy.within(counts)
    newer = [np.sum((sent > stamp) & (sent <= start)) for start, stamp in zip(bumps[:-1, 1], bumps[1:, 0])]
    age, late = ages(bumps), ages(meshes)
    third = len(age) // 3
    return {
        "images": f"{transport} {reliability} {size} {rate}/s",
        "sent": np.sum(busy.holds(sent)) / seconds,
        "taken": np.ptp(counts[:, 0]) / np.ptp(counts[:, 1]) * 1e9,
        "done": len(bumps) / seconds,
        "newer": float(np.median(newer)),
        "worst": float(np.max(newer)),
        "age first third": float(np.median(age[:third])),
        "last third": float(np.median(age[-third:])),
        "95 %": float(np.percentile(age, 95)),
        "max": float(age.max()),
        "frames": float(np.median([np.sum((sent > stamp) & (sent <= came)) for stamp, came in bumps])),
        "mesh": float(np.median(late)),
        "mesh 95 %": float(np.percentile(late, 95)),
        "meshes/s": len(meshes) / seconds,
        **dict(zip(("face", "completion", "camera", "watcher"), busy.shares)),
        "idle": idle.shares[0],
        "each": 10 * idle.shares[0] / (np.sum(idle.holds(sent)) / idle.seconds),
        "others": busy.others,
    }


def try_subscribers(count: int, slow: bool, seconds: float) -> dict[str, object]:
    """A row of the second table."""
    face, completion = nodes("raw", "best_effort")
    camera = Part("send", "raw", "best_effort", "640x480", 15)
    counter = Part("listen", 0, "bump_map")
    subscribers = [Part("listen", 0, "mesh") for _ in range(count)]
    sleepy = [Part("listen", 1, "mesh")] * slow
    with ended(camera, counter, *subscribers, *sleepy, face, completion):
        for part in [counter, *subscribers, *sleepy]:
            part.wait(_PATIENCE)
        time.sleep(_SETTLING)
        busy = Window([completion, *subscribers], seconds)
        shared = shared_mb(completion)
        seen = [busy.within(np.array(part.report()[0])) for part in subscribers]
        observed = busy.within(np.array(counter.report()[0]))
    rates, age = [len(meshes) / seconds for meshes in seen], np.concatenate([ages(meshes) for meshes in seen])
    return {
        "subscribers": f"{count}{' and one slow' * slow}",
        "sent": len(observed) / seconds,
        "rate min": min(rates),
        "rate max": max(rates),
        "age": float(np.median(age)),
        "95 %": float(np.percentile(age, 95)),
        "max": float(age.max()),
        "completion": busy.shares[0],
        "a mesh": 10 * busy.shares[0] / max(rates),
        "all of them": sum(busy.shares[1:]),
        "shared MB": shared,
        "others": busy.others,
    }


def main() -> None:
    """Prints the tables."""
    parser = parser_of("load", __doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each row is measured for")
    parser.add_argument("--parts", nargs="+", choices=["images", "subscribers"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="161")
    tables = {
        "images": lambda: (try_camera(*camera, options.seconds) for camera in CAMERAS),
        "subscribers": lambda: (try_subscribers(*who, options.seconds) for who in SUBSCRIBERS),
    }
    made = {}
    for part in options.parts or tables:
        made[part] = list(tables[part]()) if options.json else print_table(tables[part]())
    if options.json:
        print(json.dumps(made))


if __name__ == "__main__":
    main()
