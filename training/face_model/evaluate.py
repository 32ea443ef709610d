"""How well the modes describe faces that were not used to learn them, and the rest of the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extreme3d_ros.face_model import load_face_model
from training.face_model import modes as pca
from training.face_model.activations import sample_activations
from training.face_model.build import Build
from training.face_model.planar import corner_angles

HELD_OUT, SEED = 500, 777
COUNTS = (10, 30, 60, 99)


def evaluate(build: Build, path: Path, inside: np.ndarray) -> str:
    """The figures of the written file, as markdown. inside: (468,) bool, the points within our area."""
    model, topology = load_face_model(path), build.topology
    rng = np.random.default_rng(SEED)
    target = model.mean + build.origin
    faces = pca.identities(build.carried, topology, HELD_OUT, rng)
    neutral = pca.align(faces, target, build.align_weights)
    offsets = pca.expression_offsets(build.carried, topology, sample_activations(build.ict.names, HELD_OUT, rng))
    skin = ~(topology.eye | topology.mouth)
    lines = [f"- {len(model.mean)} vertices ({topology.midline} on the midline), {len(model.faces)} triangles"]
    angles = np.degrees(corner_angles(model.mean.astype(np.float64), model.faces)).min(1)
    lines.append(
        f"- smallest angle of a triangle of the mean {angles.min():.1f} degrees, {(angles > 25).mean():.2%} of the "
        "triangles above 25"
    )
    for name in ("shape", "expression"):
        sign = build.signs[name]
        lines.append(f"- {len(sign)} {name} modes: {(sign > 0).sum()} symmetric, {(sign < 0).sum()} antisymmetric")
    lines.append(f"- `face_model.npz`: {path.stat().st_size / 1e6:.2f} MB")
    lines += ["", f"Error per vertex on {HELD_OUT} held-out faces (skin vertices; rms / mean, mm):", ""]
    lines += ["| faces | modes | rms | mean |", "|---|---|---|---|"]
    for count in COUNTS:
        error = _residual(neutral - target, model.shape_modes[:count])[:, skin]
        lines.append(_row("neutral", f"{count} shape", error))
    error = _residual(offsets, model.expression_modes)[:, skin]
    lines.append(_row("expression offsets alone", "29 expression", error))
    both = np.concatenate([model.shape_modes, model.expression_modes])
    # Expressive faces stay in the frame of their neutral head: F = s + e knows no head motion.
    expressive = neutral + offsets - target
    lines.append(_row("with expression", "99 shape + 29 expression", _residual(expressive, both)[:, skin]))
    lines.append(_row("with expression", "none (the mean)", np.linalg.norm(expressive, axis=2)[:, skin]))
    noise = model.landmark_noise * 100
    spread = np.percentile(noise, [10, 50, 90])
    worst = ", ".join(f"{n} ({noise[n]:.1f})" for n in np.argsort(-noise)[:5])
    lines += [
        "",
        f"- landmark noise of the 468 points, per axis, in % of the outer eye corners' distance: 10 / 50 / 90 % of the "
        f"points below {spread[0]:.2f} / {spread[1]:.2f} / {spread[2]:.2f}; worst {worst}",
        f"- {inside.sum()} of the 468 points lie within the model's area; at the nearest place of its rim are "
        f"{', '.join(map(str, np.flatnonzero(~inside))) or 'none'}",
    ]
    return "\n".join(lines)


def _residual(offsets, modes):
    """Distances (S, V) that remain of offsets (S, V, 3) after the least-squares fit of modes (K, V, 3)."""
    flat, basis = offsets.reshape(len(offsets), -1), modes.reshape(len(modes), offsets[0].size)
    if len(basis):
        gram, product = (basis @ basis.T).astype(np.float64), (basis @ flat.T).astype(np.float64)
        flat = flat - np.linalg.solve(gram, product).T.astype(np.float32) @ basis
    return np.linalg.norm(flat.reshape(offsets.shape), axis=2)


def _row(faces, modes, error):
    return f"| {faces} | {modes} | {np.sqrt((error**2).mean()) * 1e3:.3f} | {error.mean() * 1e3:.3f} |"
