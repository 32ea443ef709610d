"""What an importer's reader hands on: a model in its own units and numbering, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extreme3d_ros.untrusted.broken import Broken

#: More than any known face model has; beyond it a file's header is not believed.
MOST_VERTICES, MOST_TRIANGLES, MOST_MODES = 250_000, 500_000, 400
_LARGEST = 1e6
#: A file of triangles holds no more.
_MOST_INDICES = 3 * MOST_TRIANGLES
#: A landmark that the source does not tell.
UNKNOWN = -1


@dataclass(frozen=True)
class Source:
    """V vertices, T triangles, x to the person's left, y up, z out of the face.

    metres: the length of its unit; mean: (V, 3); shape_modes, expression_modes: (K, V, 3) per unit of a coefficient;
    faces: (T, 3) of either orientation; landmarks68: (68,) vertices, UNKNOWN where not told; mirror: (V,) each vertex's
    twin, or None; all indices from 0.
    """

    name: str
    metres: float
    mean: np.ndarray
    shape_modes: np.ndarray
    expression_modes: np.ndarray
    faces: np.ndarray
    landmarks68: np.ndarray
    mirror: np.ndarray | None = None

    def __post_init__(self):
        V = len(self.mean)
        if not (3 <= V <= MOST_VERTICES and 1 <= len(self.faces) <= MOST_TRIANGLES):
            raise Broken(f"{V} vertices and {len(self.faces)} triangles are no face model")
        for name in ("mean", "shape_modes", "expression_modes"):
            array = getattr(self, name)
            if array.shape[-2:] != (V, 3):
                raise Broken(f"{name} has the shape {array.shape}")
            if not (np.isfinite(array).all() and np.abs(array).max(initial=0) < _LARGEST):
                raise Broken(f"{name} is not finite")
        for name, first in {"faces": 0, "landmarks68": UNKNOWN, "mirror": 0}.items():
            array = getattr(self, name)
            if array is not None and (array.min() < first or array.max() >= V):
                raise Broken(f"{name} points to a vertex that is not there")


def modes(components: np.ndarray, deviations: np.ndarray | float, V: int, name: str) -> np.ndarray:
    """(K, V, 3) float32 per standard deviation, of components (3 V, K) or (K, 3 V), x y z of a vertex side by side."""
    if components.ndim != 2 or 3 * V not in components.shape:
        raise Broken(f"{name} has the shape {components.shape}, none of whose sides is {3 * V}")
    rows = components if components.shape[1] == 3 * V else components.T
    deviations = np.asarray(deviations, np.float64).ravel()
    if len(deviations) not in (1, len(rows)):
        raise Broken(f"{name} has {len(rows)} modes and {len(deviations)} deviations")
    return (rows * deviations[:, None]).astype(np.float32).reshape(len(rows), V, 3)


def positions(values: np.ndarray, name: str) -> np.ndarray:
    """(V, 3) float64 of 3 V numbers in any shape, x y z of a vertex side by side."""
    if values.size % 3:
        raise Broken(f"{name} has {values.size} numbers, not three for each vertex")
    return values.astype(np.float64).reshape(-1, 3)


def indices(values: np.ndarray, name: str) -> np.ndarray:
    """Indices from 1 as int64 indices from 0; they may come as floating-point numbers, whole ones."""
    if values.size > _MOST_INDICES:
        raise Broken(f"{name} has {values.size} entries")
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if not np.array_equal(whole, values) or whole.min(initial=1) < 1 or whole.max(initial=1) > MOST_VERTICES:
        raise Broken(f"{name} holds what is no index from 1")
    return whole.astype(np.int64) - 1


def triangles(values: np.ndarray, name: str) -> np.ndarray:
    """(T, 3) int64 from 0 of indices from 1, (T, 3) or (3, T)."""
    if values.ndim != 2 or 3 not in values.shape:
        raise Broken(f"{name} has the shape {values.shape}, not (T, 3)")
    return indices(values if values.shape[1] == 3 else values.T, name)
