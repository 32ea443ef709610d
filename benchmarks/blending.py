"""Which solver wins at gradient-domain blending: ours, a sparse factorisation, conjugate gradients with the diagonal
or with sine transforms of the hole's box as preconditioner.

    .venv/bin/python -m benchmarks.blending [--json]

The iterative rivals are told the exact answer and stop as soon as their error is below 0.001 of the donor's range;
ours stops by its own estimate. Times are the processor's, the solvers taking turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.fft import dstn, idstn
from scipy.ndimage import gaussian_filter
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from benchmarks.clocks import milliseconds
from benchmarks.command import figures_parser, markdown, tell
from extreme3d_ros.geometry.poisson import blend

SIZE, REACH = 512, 12.0
#: Error that counts as solved, as a share of the donor's range.
ERROR = 1e-3
#: Times are medians of so many runs.
RUNS = 7
OURS, FACTORISED = "multigrid (ours)", "factorisation"


class Case(NamedTuple):
    """Arguments of `blend`, (512, 512) each."""

    image: np.ndarray
    donor: np.ndarray
    hole: np.ndarray
    known: np.ndarray


class Equation(NamedTuple):
    """diagonal u - (sum of u over 4-neighbours) = right, in the box of a hole (h, w); u = 0 outside `unknown`."""

    unknown: np.ndarray
    diagonal: np.ndarray
    right: np.ndarray


def cases() -> dict[str, Case]:
    """Holes in a face of 360 x 460 pixels: dark glasses, a hand over its border, and blobs, with a donor everywhere."""
    image, donor = _relief(0), _relief(1)
    face = _ellipse(256, 270, 180, 230)
    glasses = _ellipse(175, 210, 75, 55) | _ellipse(337, 210, 75, 55)
    glasses[195:212, 175:337] = True
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(SIZE, SIZE)), 20)
    holes = {
        "sunglasses": glasses,
        "hand": _ellipse(256, 450, 140, 150) & face,
        "blobs": (noise > np.quantile(noise[face], 0.7)) & face,
    }
    return {name: Case(image, donor, hole, face & ~hole) for name, hole in holes.items()}


def _relief(seed):
    random = np.random.default_rng(seed)
    layers = [gaussian_filter(random.normal(size=(SIZE, SIZE)), blur) for blur in (6, 40)]
    return (1e-3 * sum(layer / layer.std() for layer in layers)).astype(np.float32)


def _ellipse(x, y, a, b):
    v, u = np.mgrid[:SIZE, :SIZE]
    return ((u - x) / a) ** 2 + ((v - y) / b) ** 2 < 1


def equation(case: Case) -> Equation:
    """For u = f - donor, in numpy."""
    rows, columns = np.flatnonzero(case.hole.any(1)), np.flatnonzero(case.hole.any(0))
    box = np.s_[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
    hole, gap = case.hole[box], np.where(case.known, case.image - case.donor, 0)[box]
    inside, around = hole | case.known[box], np.zeros(hole.shape, np.float32)
    return Equation(hole, *(np.where(hole, _neighbours(a, around), 0) for a in (inside, gap)))


def _neighbours(a, out):
    total = out.copy()
    total[1:] += a[:-1]
    total[:-1] += a[1:]
    total[:, 1:] += a[:, :-1]
    total[:, :-1] += a[:, 1:]
    return total


def factorised(case: Case) -> np.ndarray:
    """f by a sparse LU factorisation in float64: the truth."""
    e = equation(case)
    index = np.full(e.unknown.shape, -1)
    index[e.unknown] = np.arange(e.unknown.sum())
    sides = (index[1:], index[:-1]), (index[:, 1:], index[:, :-1])
    pairs = [(a[linked], b[linked]) for a, b in sides for linked in [(a >= 0) & (b >= 0)]]
    first, second = (np.concatenate(side) for side in zip(*pairs))
    each = np.arange(e.unknown.sum())
    values = np.concatenate([e.diagonal[e.unknown].astype(np.float64), np.full(2 * len(first), -1.0)])
    places = np.concatenate([each, first, second]), np.concatenate([each, second, first])
    factors = splu(csc_matrix((values, places)), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return _finished(case, factors.solve(e.right[e.unknown].astype(np.float64)))


def _finished(case, correction):
    filled = case.image.copy()
    filled[case.hole] = case.donor[case.hole] + correction
    return filled


def diagonal(case: Case, steps: int) -> np.ndarray:
    """f by conjugate gradients with the diagonal as preconditioner."""
    e = equation(case)
    inverse = np.where(e.unknown, 1 / np.maximum(e.diagonal, 1), 0).astype(np.float32)
    u = _conjugate_gradients(e.right.astype(np.float32), e.diagonal.astype(np.float32), inverse, steps)
    return _finished(case, u[e.unknown])


@njit(cache=True, nogil=True, fastmath=True)
def _conjugate_gradients(residual, diagonal, inverse, steps):
    height, width = residual.shape
    u, out, p = np.zeros_like(residual), np.zeros_like(residual), inverse * residual
    product = (p * residual).sum()
    for _ in range(steps):
        curvature = np.float32(0)
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                out[y, x] = diagonal[y, x] * p[y, x] - p[y, x - 1] - p[y, x + 1] - p[y - 1, x] - p[y + 1, x]
                curvature += out[y, x] * p[y, x]
        length, new = product / curvature, np.float32(0)
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                u[y, x] += length * p[y, x]
                residual[y, x] -= length * out[y, x] if inverse[y, x] > 0 else np.float32(0)
                new += residual[y, x] * residual[y, x] * inverse[y, x]
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                p[y, x] = inverse[y, x] * residual[y, x] + new / product * p[y, x]
        product = new
    return u


def transformed(case: Case, steps: int) -> np.ndarray:
    """f by conjugate gradients with the inverse Laplacian of the whole box, by sine transforms, as preconditioner."""
    e = equation(case)
    waves = [2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) for n in e.unknown.shape]
    inverse = (1 / (waves[0][:, None] + waves[1])).astype(np.float32)
    residual, zero = e.right.astype(np.float32), np.zeros(e.unknown.shape, np.float32)
    u, p, before = zero.copy(), zero, np.float32(1)
    for _ in range(steps):
        z = np.where(e.unknown, idstn(inverse * dstn(residual, type=1), type=1), 0)
        now = np.vdot(residual, z)
        p = z + now / before * p
        out = np.where(e.unknown, e.diagonal * p - _neighbours(p, zero), 0)
        length, before = now / np.vdot(p, out), now
        u, residual = u + length * p, residual - length * out
    return _finished(case, u[e.unknown])


def ours(case: Case) -> np.ndarray:
    """f by the package."""
    return blend(*case, REACH)


def measure() -> list[dict]:
    """For each hole and solver: steps (0 where the solver knows itself), median milliseconds, their ratio to ours, and
    the largest error as a share of the donor's range."""
    return [row for name, case in cases().items() for row in _rows(name, case)]


def _rows(name, case):
    truth, span = factorised(case), float(np.ptp(case.donor[case.hole]))

    def error(filled):
        return float(abs(filled - truth).max()) / span

    calls, steps = {OURS: partial(ours, case), FACTORISED: partial(factorised, case)}, defaultdict(int)
    for label, solver in {"diagonal": diagonal, "sine transforms": transformed}.items():
        steps[label] = _needed(lambda n, solver=solver: error(solver(case, n)))
        calls[label] = partial(solver, case, steps[label])
    spent, about = milliseconds(calls, RUNS), {"hole": name, "pixels": int(case.hole.sum())}
    return [
        about | {"solver": label, "steps": steps[label], "ms": ms, "ratio": ms / spent[OURS], "error": error(call())}
        for (label, call), ms in zip(calls.items(), spent.values())
    ]


def _needed(error: Callable[[int], float]) -> int:
    """The fewest steps that bring the error below the limit, to about 15 %."""
    steps = 4
    while error(steps) > ERROR:
        steps = int(np.ceil(steps * 1.15))
    return steps


def table(measured: dict) -> str:
    """The figures as markdown."""
    rows = []
    for row in measured["solvers"]:
        figures = f"{row['ms']:.1f}", f"{row['ratio']:.1f}", f"{row['error']:.1e}"
        rows.append([row["hole"], str(row["pixels"]), row["solver"], str(row["steps"] or ""), *figures])
    return markdown(["hole", "pixels", "solver", "steps", "ms", "ratio", "error"], rows)


def main() -> None:
    """Prints the table."""
    arguments = figures_parser("blending", __doc__).parse_args()
    tell(arguments, {"solvers": measure()}, table)


if __name__ == "__main__":
    main()
