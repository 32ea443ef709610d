"""`python -m training.face_model`: learn the shipped face model from ICT-FaceKit, write it, and report its figures."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from extreme3d_ros.face_model.half_layout import save_half
from extreme3d_ros.face_model.model import DEFAULT_MODEL
from training.face_model.build import build
from training.face_model.evaluate import evaluate
from training.face_model.ict import ICT_FOLDER, load_ict
from training.face_model.landmarks import embed468, noise468
from training.face_model.regions import label
from training.face_model.report import TEXT
from training.face_model.sightings import sightings


def main():
    parser = argparse.ArgumentParser(prog="python -m training.face_model", description=__doc__)
    parser.add_argument("--ict", type=Path, default=ICT_FOLDER, help="folder of ICT-FaceKit light")
    parser.add_argument("--out", type=Path, default=DEFAULT_MODEL, help="the npz to write; its .md goes beside it")
    parser.add_argument("--renders", type=int, default=300, help="rendered heads for the 468 points")
    arguments = parser.parse_args()
    if not (arguments.ict / "ict_facekit.npz").exists():
        parser.error(f"no ict_facekit.npz in {arguments.ict}: give its folder with --ict")
    start = time.perf_counter()

    made = build(load_ict(arguments.ict))
    print(f"[{time.perf_counter() - start:5.0f} s] topology, modes, 68 points")
    heads = list(sightings(made, arguments.renders, np.random.default_rng(2)))
    embedding, twins, inside = embed468(made, heads)
    print(f"[{time.perf_counter() - start:5.0f} s] 468 points, from {len(heads)} of {arguments.renders} rendered heads")
    fresh = list(sightings(made, arguments.renders // 2, np.random.default_rng(3)))
    noise = noise468(made, embedding, twins, fresh)
    model = replace(made.model, landmarks468=embedding, landmark_noise=noise)
    model = replace(model, regions=label(model, made.topology))
    save_half(arguments.out, midline=made.topology.midline, signs=made.signs, model=model)
    figures = evaluate(made, arguments.out, inside)
    arguments.out.with_suffix(".md").write_text(TEXT.format(figures=figures))
    print(figures)
    print(f"[{time.perf_counter() - start:5.0f} s] wrote {arguments.out}")


if __name__ == "__main__":
    main()
