"""`python -m training.faces`: a sheet of random pictures, to look at."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from training.faces.generator import FaceGenerator, Wish


def main():
    parser = argparse.ArgumentParser(prog="python -m training.faces", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/faces.png"), help="the sheet to write")
    parser.add_argument("--count", type=int, default=24, help="pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture")
    parser.add_argument("--share", type=float, help="of the face to hide; default: any")
    arguments = parser.parse_args()
    generator = FaceGenerator()
    generator(arguments.seed)  # compiles the kernels
    start = time.perf_counter()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    images = [generator(seed, Wish(share=arguments.share)).image for seed in seeds]
    taken = (time.perf_counter() - start) / arguments.count
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.out), sheet(images))
    print(f"wrote {arguments.out}: {taken * 1e3:.0f} ms a picture")


def sheet(images, side: int = 240, columns: int = 8) -> np.ndarray:
    """Pictures of any size in squares, row by row."""
    tiles = []
    for image in images:
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:side, :side]
        tile = np.zeros((side, side, 3), np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


if __name__ == "__main__":
    main()
