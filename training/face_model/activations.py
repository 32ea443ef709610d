"""Plausible activations of ICT's 53 expression shapes: sparse, mostly symmetric, with the combinations faces make."""

from __future__ import annotations

import numpy as np

#: How often both sides of a paired shape do the same.
SYMMETRIC = 0.75

#: Single shapes or left-right pairs: (name, how often, mean activation).
SINGLES = (
    ("jawOpen", 0.45, 0.45),
    ("jawForward", 0.06, 0.4),
    ("jawSideways", 0.08, 0.4),
    ("mouthSideways", 0.10, 0.4),
    ("mouthFunnel", 0.10, 0.4),
    ("mouthPucker", 0.12, 0.45),
    ("mouthRollLower", 0.08, 0.4),
    ("mouthRollUpper", 0.08, 0.4),
    ("mouthShrugLower", 0.08, 0.4),
    ("mouthShrugUpper", 0.08, 0.4),
    ("browDown", 0.15, 0.5),
    ("browInnerUp", 0.12, 0.5),
    ("browOuterUp", 0.12, 0.5),
    ("cheekPuff", 0.06, 0.4),
    ("cheekSquint", 0.10, 0.4),
    ("eyeBlink", 0.30, 0.7),
    ("eyeSquint", 0.12, 0.4),
    ("eyeWide", 0.08, 0.4),
    ("mouthDimple", 0.08, 0.4),
    ("mouthFrown", 0.12, 0.4),
    ("mouthLowerDown", 0.12, 0.4),
    ("mouthPress", 0.08, 0.4),
    ("mouthSmile", 0.25, 0.5),
    ("mouthStretch", 0.08, 0.4),
    ("mouthUpperUp", 0.10, 0.4),
    ("noseSneer", 0.08, 0.4),
)

#: Whole expressions: how often, and the activations at full strength (one of them, scaled, joins the singles).
COMBINATIONS = (
    (0.12, {"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.4}),
    (0.08, {"mouthSmile": 0.9, "jawOpen": 0.45, "cheekSquint": 0.5, "mouthUpperUp": 0.4, "mouthLowerDown": 0.3}),
    (0.07, {"jawOpen": 0.7, "browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6}),
    (0.07, {"browDown": 0.9, "noseSneer": 0.5, "mouthPress": 0.4, "eyeSquint": 0.3}),
    (0.05, {"browInnerUp": 0.8, "mouthFrown": 0.8, "mouthShrugLower": 0.4}),
    (0.05, {"noseSneer": 0.8, "mouthUpperUp": 0.6, "browDown": 0.4}),
    (0.05, {"mouthFunnel": 0.7, "jawOpen": 0.3}),
    (0.03, {"eyeBlink": 1.0, "cheekSquint": 0.5, "eyeSquint": 0.6, "browDown": 0.5}),
)


def sample_activations(names: tuple[str, ...], count: int, rng) -> np.ndarray:
    """(count, 53) activations in 0..1. The eyes' looking about (eyeLook...) is left out: it is the eyeballs' motion."""
    index = {name: i for i, name in enumerate(names)}
    activations = np.zeros((count, len(names)))
    for row in activations:
        for name, often, mean in SINGLES:
            if rng.random() < often:
                _activate(row, index, name, rng.beta(4 * mean, 4 * (1 - mean)), rng)
        which = rng.choice(len(COMBINATIONS) + 1, p=_chances())
        if which < len(COMBINATIONS):
            strength = rng.beta(3.0, 2.0)
            for name, full in COMBINATIONS[which][1].items():
                _activate(row, index, name, strength * full, rng)
        # Lips can close over an open jaw, not otherwise.
        if rng.random() < 0.1:
            row[index["mouthClose"]] = row[index["jawOpen"]] * rng.random()
    return np.clip(activations, 0.0, 1.0)


def _chances():
    often = [chance for chance, _ in COMBINATIONS]
    return [*often, 1.0 - sum(often)]


def _activate(row, index, name, value, rng):
    """Raise a shape, or the two of a pair, or one of the two sideways ones."""
    if name.endswith("Sideways"):
        row[index[name.replace("Sideways", rng.choice(["Left", "Right"]))]] = value
    elif name in index:
        row[index[name]] = max(row[index[name]], value)
    else:
        sides = (value, value) if rng.random() < SYMMETRIC else value * rng.random(2)
        for side, amount in zip("LR", sides):
            row[index[f"{name}_{side}"]] = max(row[index[f"{name}_{side}"]], amount)
