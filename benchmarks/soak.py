"""Hours of video, then kills: whether the nodes' memory, handles, threads and latency stay as they are, and how soon a
killed node works again.

    .venv/bin/python -m benchmarks.soak [--minutes 120] [--kills 50] [--json]

face_node and completion_node are processes of their own and get the video of benchmarks/soak_source.py, in which faces
turn, are covered, leave and come in, at 15 Hz; this process subscribes to bump_map and mesh. A node's memory is its
own, without shared memory's pages. Then one of the nodes, or both, is killed by SIGKILL at a random time while a face
is in view and every mesh is saved, and started again after 2 seconds, as face.launch.py does; measured is the time from
the start of the new process to its first message. A line for each verdict; exit status 1 where one is FAIL. Runs of
less than half an hour are judged by wider limits (soak_figures.Limits).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.latency import _CAMERA, _NAMESPACE, _REMAP, Ages
from benchmarks.soak_figures import Course, Limits, Verdict, of_kills, of_latency, of_process
from benchmarks.soak_processes import Camera, Mortal, is_whole, megabytes

#: Seconds between two samples; until the first mesh at most: a new installation compiles its kernels.
_STEP, _PATIENCE = 5.0, 300.0
#: What face.launch.py waits before it starts a node again; after how many seconds one is given up.
_RESPAWN_DELAY, _GIVEN_UP = 2.0, 60.0
#: Meshes that a node may leave on the disk.
_SAVED = 5
#: The topic that tells that a node works.
_SIGN = {"face_node": "bump_map", "completion_node": "mesh"}


class Soak:
    """The nodes with their camera and their viewer. meshes: the folder for PLY files."""

    def __init__(self, viewer: Ages, meshes: Path):
        self._viewer, self._meshes = viewer, meshes
        self._segments: set[Path] = set()
        self._camera = Camera(_CAMERA)
        self.nodes = {name: self._start(name) for name in _SIGN}

    def watch(self, seconds: float, limits: Limits) -> list[Verdict]:
        """Lets them work for so long."""
        viewer = self._viewer
        viewer.open()
        viewer.spin(_PATIENCE, lambda: viewer.ages["mesh"])
        if not viewer.ages["mesh"]:
            raise SystemExit(f"no mesh within {_PATIENCE:.0f} s")
        viewer.restart()
        start = time.monotonic()
        moments, held, arrivals = [], {name: [] for name in self.nodes}, {topic: [] for topic in viewer.ages}
        while (now := time.monotonic() - start) < seconds:
            viewer.spin(min(_STEP, seconds - now))
            moments.append(time.monotonic() - start)
            for name, node in self.nodes.items():
                held[name].append(node.held())
            for topic, ages in viewer.ages.items():
                arrivals[topic] += [moments[-1]] * (len(ages) - len(arrivals[topic]))
        verdicts = []
        for name, samples in held.items():
            counts = ([getattr(each, part) for each in samples] for part in ("memory", "handles", "threads"))
            verdicts += of_process(name, Course(*map(np.array, (moments, *counts))), seconds, limits)
        for topic, ages in viewer.ages.items():
            verdicts += of_latency(topic, np.array(arrivals[topic]), np.array(ages), seconds, limits)
        return verdicts

    def kill(self, times: int, limits: Limits, seed: int = 0) -> list[Verdict]:
        """Kills nodes so many times, and looks at what is left when all have ended."""
        self._camera.end()
        self._camera = Camera(_CAMERA, stay=True)
        rng, took = np.random.default_rng(seed), {topic: [] for topic in _SIGN.values()}
        died = 0
        for number in range(times):
            self._viewer.restart()
            self._viewer.spin(_GIVEN_UP, lambda: all(self._viewer.ages.values()))
            self._viewer.spin(rng.uniform(0.5, 3.0))
            victims = [["face_node"], ["completion_node"], list(_SIGN)][rng.integers(3)]
            came = self._replace(victims)
            dead = [name for name, node in self.nodes.items() if not node.alive]
            self.nodes |= {name: self._start(name) for name in dead}
            died += len(dead)
            said = ", ".join(f"{topic} after {seconds:.2f} s" for topic, seconds in came.items())
            print(f"kill {number + 1}: {' and '.join(victims)}: {said}", file=sys.stderr, flush=True)
            for topic, seconds in came.items():
                took[topic].append(seconds)
        verdicts = [verdict for topic, seconds in took.items() for verdict in of_kills(seconds, topic, limits)]
        self._note_segments()
        self.end()
        verdicts.append(Verdict("nodes that died by themselves", died, 0, ""))
        return verdicts + self._leftovers(times)

    def end(self) -> None:
        """Ends all processes; nothing happens the second time."""
        for child in (self._camera, *self.nodes.values()):
            if child.alive:
                child.end()

    def _start(self, name: str, *settings: str) -> Mortal:
        camera = [*_REMAP, "-p", "reliability:=reliable"] if name == "face_node" else []
        return Mortal(name, "-r", f"__ns:={_NAMESPACE}", "--log-level", "warn", *camera, *settings)

    def _replace(self, victims: list[str]) -> dict[str, float]:
        """Kills nodes and starts them anew; seconds from then to the first message of each."""
        self._note_segments()
        for name in victims:
            self.nodes[name].kill()
        self._viewer.spin(_RESPAWN_DELAY)
        self._viewer.restart()
        saving = ["-p", f"ply_dir:={self._meshes}", "-p", "save_every_mesh:=true", "-p", f"max_saved:={_SAVED}"]
        start = time.monotonic()
        for name in victims:
            self.nodes[name] = self._start(name, *(saving if name == "completion_node" else []))
        came: dict[str, float] = {}
        for name in victims:
            topic = _SIGN[name]
            self._viewer.spin(_GIVEN_UP, lambda: self._viewer.ages[topic] or not self.nodes[name].alive)  # noqa: B023
            came[topic] = time.monotonic() - start if self._viewer.ages[topic] else float("inf")
        return came

    def _note_segments(self) -> None:
        for node in self.nodes.values():
            self._segments |= node.segments()

    def _leftovers(self, kills: int) -> list[Verdict]:
        """What lies in memory and on the disk after the last process has ended."""
        kept = {segment for segment in self._segments if segment.exists()}
        files = sorted(self._meshes.iterdir())
        meshes = [path for path in files if not path.name.startswith(".")]
        return [
            Verdict("/dev/shm: segments of killed nodes", len(kept), _SEGMENTS, "", f"{megabytes(kept):.0f} MB"),
            Verdict("PLY files half written", sum(not is_whole(path) for path in meshes), 0, ""),
            Verdict("PLY files more than max_saved", len(meshes) - _SAVED, 0, "", f"{len(meshes)}"),
            # A node removes those that were left an hour before: the next run, not this one.
            Verdict("PLY files in the making, one a kill", len(files) - len(meshes), kills, ""),
        ]


#: Segments of nodes killed last, which nobody has removed yet.
_SEGMENTS = 4


def main() -> int:
    """Prints the verdicts; 1 where one is bad."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.update(FASTDDS_BUILTIN_TRANSPORTS="SHM", ROS_DOMAIN_ID="93")
    from extreme3d_ros.nodes.transport import make_room

    make_room()
    limits = Limits.of(options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Ages(), Path(folder))
        try:
            verdicts = soak.watch(60 * options.minutes, limits)
            verdicts += soak.kill(options.kills, limits) if options.kills else []
        finally:
            soak.end()
    lines = [asdict(verdict) | {"ok": verdict.ok} for verdict in verdicts]
    print(json.dumps({"minutes": options.minutes, "kills": options.kills, "verdicts": lines}, indent=2) if options.json
          else "\n".join(map(str, verdicts)))  # fmt: skip
    return 0 if all(verdict.ok for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
