"""Renders to batches: every time a sample is shown it is mirrored or not, recoloured, and some are covered anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.augmentation import recoloured, torn_off
from training.batches import SampleBatches
from training.bump.renders import COVERED, MASK, NORMAL_UNIT, OBJECT, PLACE_UNIT

#: Arrays that the network takes.
INPUTS = 3


@dataclass(frozen=True)
class Samples:
    """As training/bump/renders.py keeps them, S of them."""

    window: np.ndarray
    normals: np.ndarray
    place: np.ndarray
    bump: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.window)


def load(files: list[Path]) -> Samples:
    """The samples of renders' files."""
    names = Samples.__dataclass_fields__
    parts = []
    for file in files:
        with np.load(file, allow_pickle=False) as data:
            parts.append([data[name] for name in names])
    return Samples(*map(np.concatenate, zip(*parts, strict=True)))


class Batches(SampleBatches):
    """Samples as the network takes them: windows (N, H, W, 3) uint8, normals (N, H, W, 3) and place (N, H, W, 2)
    float32; and what it should say: bump (N, H, W) mm, NaN where it isn't known, and labels (N, H, W) uint8."""

    def __init__(self, samples: Samples):
        self._samples = samples

    def _plain(self, row):
        of = self._samples
        normals = of.normals[row].astype(np.float32) / NORMAL_UNIT
        place = of.place[row].astype(np.float32) / PLACE_UNIT
        return of.window[row], normals, place, of.bump[row].astype(np.float32), of.labels[row]

    def _varied(self, row, rng):
        window, normals, place, bump, labels = self._plain(row)
        if rng.random() < 0.2:
            window, labels = self._covered(window, labels, rng)
        window = recoloured(window, rng)
        if rng.random() < 0.5:
            window, normals, place, bump, labels = (
                np.ascontiguousarray(layer[:, ::-1]) for layer in (window, normals, place, bump, labels)
            )
            normals[..., 0] *= -1
            place[..., 0] *= -1
        return window, normals, place, bump, labels

    def _covered(self, window, labels, rng):
        """A part of another window laid over this one."""
        other = np.rot90(self._samples.window[rng.integers(len(self._samples))], rng.integers(4))
        torn = torn_off(len(window), rng)
        labels = np.where(torn, (labels & COVERED) | OBJECT, labels).astype(np.uint8)
        soft = cv2.GaussianBlur(torn.astype(np.float32), (0, 0), rng.uniform(0.4, 1.2))[..., None]
        return (window + soft * (other.astype(np.float32) - window)).astype(np.uint8), labels


def bits(labels) -> dict[str, np.ndarray]:
    """The layers that labels hold, bool: visible skin, an object, pixels that the foundation covers."""
    return {name: (labels & bit) > 0 for name, bit in (("mask", MASK), ("object", OBJECT), ("covered", COVERED))}
