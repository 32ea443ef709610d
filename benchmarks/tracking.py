"""Whether faces keep their ids: films of heads that cross, hide, leave, come back, hurry; and what following costs.

    .venv/bin/python -m benchmarks.tracking [--faces-dev] [--pairs N]

The heads are scikit-image's astronaut and rendered ones, with --faces-dev the photographs of shared/data/faces_dev (for
measuring only). Films have 15 frames a second; "wrong" are frames in which a face in plain view has another id than
before, "extra" ids beyond one for each person, "missed" frames of a face in plain view without a report.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import combinations

import cv2
import numpy as np
from skimage import data

from benchmarks.command import add_faces_dev, parser_of
from benchmarks.covered_heads import CoveredHeads
from benchmarks.faces_dev import FOLDER
from benchmarks.tracking_films import Head, Place, Shot, Stage, cut_out, film
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.tracking import Tracker

_RATE = 15
#: A face is in plain view where so much of it is seen, and reported where its points lie so near, in sides.
_PLAIN, _NEAR = 0.85, 0.2


@dataclass
class Count:
    """Over films. back: frames from a face's return to its report, by how many of them."""

    films: int = 0
    frames: int = 0
    wrong: int = 0
    switched: int = 0
    extra: int = 0
    missed: int = 0
    back: list[int] = field(default_factory=list)


def watch(tracker: Tracker, shots, people: int, count: Count) -> None:
    """Adds a film to the counts."""
    names: list[str | None] = [None] * people
    away = [0] * people
    given, switched = set(), False
    for n, shot in enumerate(shots):
        tracked = tracker(shot.image, n / _RATE, 3)
        given |= {each.id for each in tracked}
        for who in range(people):
            if shot.seen[who] < _PLAIN:
                away[who] = 1
                continue
            count.frames += 1
            name = _name(tracked, shot, who)
            if name is None:
                count.missed += 1
                away[who] += bool(away[who])
                continue
            if away[who] and names[who]:
                count.back.append(away[who])
            away[who] = 0
            if names[who] not in (None, name):
                count.wrong += 1
                switched |= name in names
            else:
                names[who] = name
    count.films += 1
    count.switched += switched
    count.extra += len(given) - len({name for name in names if name})


def _name(tracked, shot: Shot, who: int) -> str | None:
    truth = shot.points[who]
    side = np.ptp(truth, axis=0).max()
    off = [np.linalg.norm(each.face.points - truth, axis=1).mean() / side for each in tracked]
    return tracked[int(np.argmin(off))].id if off and min(off) < _NEAR else None


def crossing(first: float, second: float, pace: float) -> list[list[Place]]:
    """Two faces of these sizes that pass each other, the second in front; pace: pixels a frame."""
    way = np.arange(110, 530, pace)
    return [[Place(x, 235, first), Place(640 - x, 245, second)] for x in way]


def beside(frames: int = 45) -> list[list[Place]]:
    """Two faces side by side that sway."""
    sway = 15 * np.sin(np.arange(frames) / 5)
    return [[Place(220 + s, 240 + s / 3), Place(420 - s / 2, 250, 115)] for s in sway]


def hurry(frames: int = 60) -> list[list[Place]]:
    """One face to and fro, at 40 pixels a frame at its fastest."""
    return [[Place(320 + 200 * np.sin(n / 5), 240, 110)] for n in range(frames)]


def leave(back: bool, away: int = 22) -> list[list[Place | None]]:
    """One face out over the border and, after 1.5 s, in again; back: it is the same one, else a stranger."""
    out = [Place(x) for x in range(320, 760, 12)]
    nobody = [None] * away
    first = out + nobody + (out[::-1] if back else [None] * len(out))
    return [[p] for p in first] if back else [[a, b] for a, b in zip(first, [None] * (len(out) + away) + out[::-1])]


def instead(away: int = 10) -> list[list[Place | None]]:
    """One face gone from one frame to the next, and a stranger in its place after 0.7 s."""
    one = [Place(320)] * 25
    return [[p, None] for p in one] + [[None, None]] * away + [[None, p] for p in one]


def boards(frames: int = 75) -> list[Place | None]:
    """A board that covers a face at (320, 240) for a second."""
    return [Place(320.0, 240.0, 240.0) if 30 <= n < 45 else None for n in range(frames)]


def films(heads: list[Head], pairs: int):
    """(title, shots, number of people) of every film."""
    chosen = list(combinations(range(len(heads)), 2))
    chosen = [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))[:pairs]]
    sizes = {"same size": (120, 120), "one larger": (110, 150), "larger behind": (150, 110)}
    for seed, (a, b) in enumerate(chosen):
        stage, both = Stage(seed), [heads[a], heads[b]]
        for title, (first, second) in sizes.items():
            yield f"crossing, {title}", film(stage, both, crossing(first, second, 7)), 2
        yield "crossing, fast", film(stage, both, crossing(120, 120, 20)), 2
        yield "crossing, slow", film(stage, both, crossing(120, 125, 3)), 2
        yield "side by side", film(stage, both, beside()), 2
        yield "a stranger comes over the border", film(stage, both, leave(False)), 2
        yield "a stranger in the place", film(stage, both, instead()), 2
    for seed, n in enumerate(sorted({n for pair in chosen for n in pair})[:pairs]):
        stage, head = Stage(seed), heads[n]
        yield "covered for a second", film(stage, [head], [[Place(320)]] * 75, boards()), 1
        yield "out and back after 1.5 s", film(stage, [head], leave(True)), 1
        yield "40 pixels a frame", film(stage, [head], hurry()), 1


def costs(heads: list[Head]) -> None:
    """Prints milliseconds of processor time a frame, followed and frame by frame, the frames in turns."""
    detection = Detection()
    for people in (1, 3):
        places = [Place(110 + 210 * n, 240, 120) for n in range(people)]
        shots = list(film(Stage(1), heads[:people], [places] * 75))
        tracker, times = Tracker(detection), [[], []]
        for n, shot in enumerate(shots):
            for way in (0, 1):
                start = time.thread_time()
                tracker(shot.image, n / _RATE, 3) if way == 0 else detection(shot.image)
                times[way].append(1e3 * (time.thread_time() - start))
        followed, anew = (np.mean(each[5:]) for each in times)
        print(
            f"{people} still: followed {followed:.1f} ms a frame, anew {anew:.1f}, ratio {followed / anew:.2f}; "
            f"slowest {max(times[0][5:]):.0f}"
        )
    tracker, times = Tracker(detection), []
    for n, shot in enumerate(film(Stage(2), heads[:1], [[None]] * 45)):
        start = time.thread_time()
        tracker(shot.image, n / _RATE)
        times.append(1e3 * (time.thread_time() - start))
    print(f"nobody: {np.mean(times):.1f} ms a frame, slowest {max(times):.0f}")


def people(faces_dev: bool, detection: Detection) -> list[Head]:
    """The heads that play."""
    if faces_dev:
        pictures = [cv2.imread(str(path)) for path in sorted(FOLDER.glob("[0-9][0-9].png"))]
    else:
        pictures = [np.ascontiguousarray(data.astronaut()[..., ::-1])]
        pictures += [CoveredHeads(seed)(0, "clear").image for seed in range(1, 6)]
    heads = [cut_out(picture, detection) for picture in pictures]
    return [head for head in heads if head]


def main() -> None:
    """Prints the table."""
    parser = parser_of("tracking", __doc__)
    add_faces_dev(parser)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of people, at most")
    arguments = parser.parse_args()
    detection = Detection()
    heads = people(arguments.faces_dev, detection)
    counts: dict[str, Count] = {}
    for title, shots, number in films(heads, arguments.pairs):
        watch(Tracker(detection), shots, number, counts.setdefault(title, Count()))
    print(f"{len(heads)} heads\n{'':<36}films frames missed wrong extra switched  back in 3 frames, at most")
    for title, c in counts.items():
        soon = sum(frames <= 3 for frames in c.back)
        row = f"{c.films:>5}{c.frames:>7}{c.missed:>7}{c.wrong:>6}{c.extra:>6}{c.switched:>9}"
        print(f"{title:<36}{row}  {f'{soon} of {len(c.back)}, {max(c.back)}' if c.back else '':>12}")
    costs(heads)


if __name__ == "__main__":
    main()
