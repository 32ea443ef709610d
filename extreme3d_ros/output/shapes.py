"""Many shapes of one mesh as few: a base and the film's principal shapes, added by weights.

The principal components come by an incremental singular value decomposition (after Brand, 2002), so that memory does
not grow with the film: a block of new shapes is split into what the basis has and what is new, both are turned to the
principal axes of all shapes so far, and the least axes go. What goes is orthogonal to what stays, so the error is known
to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Shapes that are waited for before they enter the basis, and axes that it keeps.
_BLOCK, _KEPT = 16, 48
#: What is less than this part of a block's largest change is rounding, not a new direction.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Shapes:
    """base: (N, 3) float32; targets: (K, N, 3) float32, by falling importance; weights: (F, K) float32 in -1..1, the
    f-th shape being base + weights[f] @ targets, to within error: rms over all vertices and shapes, metres."""

    base: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    error: float


class ShapeSequence:
    """Takes shapes (N, 3) of one mesh, metres, one by one. Holds 64 of them at most, 30 MB of the finished mesh."""

    def __init__(self):
        self._first = np.zeros(0, np.float32)  # (3 N,)
        self._waiting: list[np.ndarray] = []
        self._basis = np.zeros((0, 0), np.float32)  # (R, 3 N) orthonormal rows
        self._coordinates = np.zeros((0, 0))  # (F, R)
        self._lost = 0.0  # squared distance of what went, over all shapes

    def __len__(self) -> int:
        return len(self._coordinates) + len(self._waiting)

    def add(self, vertices: np.ndarray) -> None:
        """The next shape."""
        flat = np.asarray(vertices, np.float32).reshape(-1)
        if not len(self):
            self._first = flat.copy()
            self._basis = np.zeros((0, len(flat)), np.float32)
        self._waiting.append(flat - self._first)
        if len(self._waiting) == _BLOCK:
            self._merge()

    def shapes(self, tolerance: float, most: int) -> Shapes:
        """As few targets as keep the error within tolerance, metres, but at most so many.

        Raises ValueError where there is no shape yet.
        """
        if not len(self):
            raise ValueError("no shape was added")
        self._merge()
        count, vertices = len(self), len(self._first) // 3
        mean = self._coordinates.mean(0)
        left, sizes, axes = np.linalg.svd(self._coordinates - mean, full_matrices=False)
        beyond = np.append(np.cumsum((sizes**2)[::-1])[::-1], 0.0)  # squared distance left by k axes
        errors = np.sqrt((self._lost + beyond) / (count * vertices))
        enough = np.flatnonzero(errors <= tolerance)
        k = min(enough[0] if len(enough) else most, most, len(sizes))
        weights = left[:, :k] * sizes[:k]
        reach = np.abs(weights).max(0, initial=1e-12)
        targets = (axes[:k] * reach[:, None]) @ self._basis
        return Shapes(
            (self._first + mean @ self._basis).reshape(-1, 3).astype(np.float32),
            targets.reshape(k, vertices, 3).astype(np.float32),
            (weights / reach).astype(np.float32),
            float(errors[k]),
        )

    def _merge(self) -> None:
        if not self._waiting:
            return
        block = np.stack(self._waiting)
        self._waiting = []
        known, rest = np.zeros((len(block), len(self._basis)), np.float32), block
        for _ in range(2):  # once more takes out what rounding left, else fresh directions lean on known ones
            again = rest @ self._basis.T
            known, rest = known + again, rest - again @ self._basis
        fresh = _orthonormal(rest, _ROUNDING * np.linalg.norm(block, axis=1).max())
        basis = np.concatenate([self._basis, fresh])
        news = rest @ fresh.T
        self._lost += float(((rest - news @ fresh) ** 2).sum(dtype=np.float64))
        rows = np.concatenate([known, news], axis=1).astype(np.float64)
        before = np.pad(self._coordinates, ((0, 0), (0, len(fresh))))
        coordinates = np.concatenate([before, rows])
        _, axes = np.linalg.eigh(coordinates.T @ coordinates)
        axes = axes[:, ::-1]
        self._lost += float(((coordinates @ axes[:, _KEPT:]) ** 2).sum())
        self._basis = axes[:, :_KEPT].T.astype(np.float32) @ basis
        self._coordinates = coordinates @ axes[:, :_KEPT]


def _orthonormal(rows: np.ndarray, least: float) -> np.ndarray:
    """The directions (R, D) float32, of unit length, in which rows (B, D) go farther than least."""
    wide = rows.astype(np.float64)  # the squares of what is kept span more than float32 has digits
    squares, mixes = np.linalg.eigh(wide @ wide.T)
    kept = squares > least**2
    return (mixes[:, kept] / np.sqrt(squares[kept])).T.astype(np.float32) @ rows
