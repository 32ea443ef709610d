"""How unlike the looks of one person and of two are (tracking/appearance.py): what the gates of tracking/person.py were
chosen by, on rendered heads.

    .venv/bin/python -m benchmarks.looks [--count 14] [--first 900]

Each head is seen from five sides, talking; every picture once as it is, and once as another camera would have taken it:
other exposure, white balance, contrast, size and roll.
"""

from __future__ import annotations

from itertools import combinations, product

import cv2
import numpy as np

from benchmarks.command import add_seeds, parser_of, seeds_of
from benchmarks.face_films import Films, Instant
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.tracking.appearance import Look, look_at

_VIEWS = (0.0, 0.0), (15.0, 5.0), (-12.0, 0.0), (35.0, 0.0), (-35.0, 5.0)
#: Views whose directions differ by this many degrees at most are near.
_NEAR = 16.0
_QUANTILES = 50, 90, 98, 99.5, 100
_LOW = 0, 0.5, 2, 10, 50
#: Shares beyond these are printed.
_GATES = 0.14, 0.28


def looks(seeds: range) -> dict[int, list[tuple[float, list[Look]]]]:
    """By head: yaws, and the looks of the picture and of its altered copy; of those in which the face is found."""
    films, detection = Films(), Detection()
    found: dict[int, list] = {}
    for seed in seeds:
        random = np.random.default_rng(seed)
        for n, (yaw, pitch) in enumerate(_VIEWS):
            image = films.at(seed, Instant(0.5 * n, yaw, pitch, 0.0, True, False, n)).image
            seen = [_look(detection, each) for each in (image, altered(image, random))]
            found.setdefault(seed, []).append((yaw, [look for look in seen if look]))
    return found


def altered(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The picture (H, W, 3) as another camera might have taken it."""
    height, width = image.shape[:2]
    tint = np.exp(random.normal(0, 0.1, 3)) * np.exp(random.normal(0, 0.3))
    toned = 255 * (image / 255 * tint).clip(0, 1) ** np.exp(random.normal(0, 0.15))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-15, 15), random.uniform(0.6, 1.0))
    return cv2.warpAffine(toned.astype(np.uint8), turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _look(detection: Detection, image: np.ndarray) -> Look | None:
    faces = detection(image)
    return look_at(Pyramid(image), faces[0].points) if faces else None


def unlikeness(found: dict[int, list[tuple[float, list[Look]]]], near: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of all pairs of views that are near each other, or that are not: of one head, and of two."""
    same, other = [], []
    for one, two in product(found, repeat=2):
        for (yaw, ours), (their_yaw, theirs) in product(found[one], found[two]):
            if (abs(yaw - their_yaw) <= _NEAR) != near or one > two:
                continue
            pairs = combinations(ours, 2) if one == two and yaw == their_yaw else product(ours, theirs)
            (same if one == two else other).extend(a.unlike(b) for a, b in pairs)
    return np.array(same), np.array(other)


def main() -> None:
    """Prints the quantiles."""
    parser = parser_of("looks", __doc__)
    add_seeds(parser, 14, 900, "heads")
    found = looks(seeds_of(parser.parse_args()))
    for name, near in ("near views", True), ("other views", False):
        same, other = unlikeness(found, near)
        print(f"{name}: {len(same)} pairs of one head, {len(other)} of two")
        print("  one: " + ", ".join(f"{q} % {np.percentile(same, q):.3f}" for q in _QUANTILES))
        print("  two: " + ", ".join(f"{q} % {np.percentile(other, q):.3f}" for q in _LOW))
        for gate in _GATES:
            print(f"  {gate}: {(same > gate).mean():.1%} of one refused, {(other <= gate).mean():.1%} of two let in")


if __name__ == "__main__":
    main()
