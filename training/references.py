"""`python -m training.references`: the shipped gallery of references, of rendered heads that nothing hides.

Their bumps are those that the pipeline gives: after another network was trained, make it anew.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import Frame
from extreme3d_ros.references.build import Entry, EntryMaker, Unfit
from extreme3d_ros.references.default import DEFAULT_REFERENCES
from extreme3d_ros.references.gallery_writer import GalleryWriter
from extreme3d_ros.references.identity import ShapeFeature
from extreme3d_ros.stages.unwrapping import Unwrapping
from training.faces.generator import FaceGenerator, Wish

#: Of the renders; training/bump takes those below, and those above 1,000,000 are for measuring.
_FIRST_SEED = 400_000
_MOST_YAW = 70.0


def make(folder: Path, count: int) -> None:
    """Writes a gallery of `count` entries into a folder that holds none: their yaws spread evenly, every one another
    person."""
    model = load_face_model()
    feature = ShapeFeature(model)
    sitter = _Sitter(FastPath(model), EntryMaker(Unwrapping(model), feature))
    seeds = itertools.count(_FIRST_SEED)
    with GalleryWriter(folder, model.name, feature.name) as writer:
        for yaw in np.linspace(-_MOST_YAW, _MOST_YAW, count):
            entry = None
            while entry is None:
                entry = sitter(next(seeds), yaw)
            writer.add(entry.skin, entry.direction, entry.feature)


class _Sitter:
    """Makes entries of rendered persons."""

    def __init__(self, fast: FastPath, make: EntryMaker):
        self._generate, self._fast, self._make = FaceGenerator(), fast, make

    def __call__(self, seed: int, yaw: float) -> Entry | None:
        """The person of a seed, turned by a yaw in degrees; None where the pipeline does not find the face, as happens
        with the most turned ones, or it is unfit."""
        made = self._generate(seed, Wish(size=(480, 480), yaw=yaw, share=0.0, most_pitch=20.0, near=(0.6, 0.85)))
        observations = self._fast(Frame(made.image, made.camera))
        try:
            return self._make(observations[0]) if observations else None
        except Unfit as why:
            print(f"seed {seed}: {why}", flush=True)
            return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.references", description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=64, help="entries; 65 kB each")
    parser.add_argument("--out", type=Path, default=DEFAULT_REFERENCES, help="replaced")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.out.parent) as beside:
        made = Path(beside) / arguments.out.name
        made.mkdir()
        make(made, arguments.count)
        if arguments.out.exists():
            arguments.out.rename(Path(beside) / "before")
        made.rename(arguments.out)


if __name__ == "__main__":
    main()
