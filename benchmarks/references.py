"""The search for a reference (Sec. 4.2) in generated galleries of 200 to a million entries.

    python -m benchmarks.references [--counts 200 12000 100000 1000000] [--json]

Directions and features are drawn at random, skins are holes in their files: a million entries take 0.2 GB of the
temporary folder for a while. All run on one thread; times are the processor's, so that what else works on the machine
does not count; the first row's memory is the compiled search's. Below the table: the whole stage with 12,000 entries,
on scikit-image's astronaut behind a dark bar.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clocks import summary
from benchmarks.command import figures_parser, tell
from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.records import Frame
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.gallery_writer import PART, SIZE, UNIT
from extreme3d_ros.references.identity import ShapeFeature
from extreme3d_ros.references.manifest import Manifest, Part

COUNTS = (200, 12_000, 100_000, 1_000_000)
_LENGTH, _SEARCHES, _K = 99, 200, 100


def measure(count: int, folder: Path) -> dict:
    """Of a gallery of `count` entries: seconds to open it, MB of memory held by it, milliseconds of a search."""
    generate(folder, count)
    before = _held_mb()
    start = time.thread_time()
    gallery = Gallery(folder)
    opened = time.thread_time() - start
    rng = np.random.default_rng(1)
    directions, features, twins = _directions(rng, _SEARCHES), _units(rng, _SEARCHES), _units(rng, _SEARCHES)
    gallery.alike(directions[0], features[0], twins[0], _K)
    times = []
    for number in range(_SEARCHES):
        start = time.thread_time()
        gallery.alike(directions[number], features[number], twins[number], _K)
        times.append(1e3 * (time.thread_time() - start))
    held = _held_mb() - before
    return {"entries": count, "open_s": round(opened, 3), "held_mb": round(held, 1), "search_ms": summary(times)}


def stage_ms(frames: int = 30) -> dict:
    """Milliseconds by the clock of the stage `hole_filling`, raster, search and blending, and the hole's share of the
    face."""
    model = load_face_model()
    image = demo_image()
    fast = FastPath(model)
    camera = Camera.assumed(image.shape[1], image.shape[0])
    points = fast(Frame(image, camera))[0].face.points
    middle, width = points.mean(0), np.ptp(points[:, 0])
    bar = [(middle + width * np.array(corner)).astype(int).tolist() for corner in ((-0.5, -0.35), (0.5, -0.02))]
    seen = fast(Frame(cv2.rectangle(image.copy(), *bar, (30, 30, 30), -1), camera))[0]
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), 12_000, model.name, ShapeFeature(model).name)
        complete = Completion(model, Gallery(Path(folder)))
        times = [
            complete(seen.crop, seen.foundation, seen.layers).timings_ms["hole_filling"] for _ in range(3 + frames)
        ]
    return summary(times[3:], 1) | {"hidden": round(seen.layers.occluded_fraction, 2)}


def generate(folder: Path, count: int, face_model: str = "generated", feature: str = "generated") -> None:
    """A gallery of `count` random entries, whose skins are level."""
    rng = np.random.default_rng(0)
    counts = [min(PART, count - start) for start in range(0, count, PART)]
    parts = tuple(Part(f"part-{number:05d}", size) for number, size in enumerate(counts))
    manifest = Manifest(face_model, feature, SIZE, _LENGTH, UNIT, parts)
    for part in parts:
        (folder / part.name).mkdir()
        values = {"directions.npy": _directions(rng, part.count), "features.npy": _units(rng, part.count)}
        for name, (shape, dtype) in manifest.arrays(part.count).items():
            array = np.lib.format.open_memmap(folder / part.name / name, "w+", dtype, shape)
            if name in values:
                array[:] = values[name]
    manifest.write(folder)


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Viewpoints of photographs: mostly from the front, some from the side."""
    yaw, pitch = np.radians(rng.normal(0, [[30], [12]], (2, count)))
    xyz = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
    return np.stack(xyz, axis=1).astype(np.float32)


def _units(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.standard_normal((count, _LENGTH), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _held_mb() -> float:
    """Memory of this process's own; pages of mapped files, which the system takes back at will, not counted."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def main() -> None:
    """Prints the table."""
    parser = figures_parser("references", __doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="entries of the galleries")
    arguments = parser.parse_args()
    results = []
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(count, Path(folder)))
    tell(arguments, {"search": results, "stage": stage_ms()}, _table)


def _table(measured: dict) -> str:
    lines = [f"{'entries':>9}{'open s':>8}{'held MB':>9}{'ms of one core: median / 95 %':>32}"]
    for row in measured["search"]:
        times = "{median:>23.2f} / {p95:<6.2f}".format(**row["search_ms"])
        lines.append(f"{row['entries']:>9}{row['open_s']:>8}{row['held_mb']:>9}{times}")
    stage = "the whole stage with 12,000 entries, {hidden:.0%} hidden: {median} ms, 95 % {p95} ms"
    lines.append(stage.format(**measured["stage"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
