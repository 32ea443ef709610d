"""The multigrid V-cycle of gradient-domain blending, as kernels (poisson.py).

A grid is the equation on one level, (FIELDS, h + 2, w + 2) float32, every field with an empty frame, h and w even but
on the coarsest. One array for all fields, and the outermost loops left to Python: Numba compiles that in half the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

EAST, SOUTH = 0, 1  # how strongly a cell pulls at its right neighbour, and at the lower one
SEAM, MASS = 2, 3  # and at known pixels, and at zero
INSIDE = 4  # 1 in cells that hold a pixel of the hole or a known one
DIAGONAL, INVERSE = 5, 6  # the inverse is 0 where there is nothing to solve for
SHARE = 7  # what makes weights of interpolation that count only cells inside sum to 1
U, B, RESIDUAL = 8, 9, 10
FIELDS = 11

#: The coarsest grid has no more cells than this along its shorter side; so many sweeps solve it.
_COARSEST, _SWEEPS = 4, 6
_NEAR, _FAR = np.float32(0.75), np.float32(0.25)  # linear interpolation between the centres of cells twice as large


def plan(height: int, width: int) -> tuple[np.ndarray, int]:
    """Where each level's arrays begin in memory, their heights and widths, (L, 3); and how long memory must be."""
    levels, start = [], 0
    while True:
        coarsest = min(height, width) <= _COARSEST
        if not coarsest:
            height, width = height + height % 2, width + width % 2
        levels.append((start, height + 2, width + 2))
        start += FIELDS * (height + 2) * (width + 2)
        if coarsest:
            return np.array(levels), start
        height, width = height // 2, width // 2


@njit(cache=True, nogil=True)
def grid_of(memory, levels, level):
    """The grid of a level, all 0 at first: memory (size,) float32 and levels as `plan` says."""
    start, height, width = levels[level]
    size = FIELDS * height * width
    return memory[start : start + size].reshape(FIELDS, height, width)


@njit(cache=True, nogil=True)
def connect(kind, donor, unknown, pull, grid):
    """What the pixels of the finest grid pull at. kind, donor: (h + 2, w + 2); unknown: bool, what is solved for."""
    for y in range(1, kind.shape[0] - 1):
        for x in range(1, kind.shape[1] - 1):
            grid[INSIDE, y, x] = kind[y, x] > 0
            if unknown[y, x]:
                grid[EAST, y, x], grid[SOUTH, y, x] = unknown[y, x + 1], unknown[y + 1, x]
                grid[MASS, y, x] = pull if np.isnan(donor[y, x]) else 0


@njit(cache=True, nogil=True)
def finish(grid):
    """The diagonal and its inverse, by the pulls."""
    height, width = grid.shape[1:]
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            pulls = grid[EAST, y, x] + grid[EAST, y, x - 1] + grid[SOUTH, y, x] + grid[SOUTH, y - 1, x]
            grid[DIAGONAL, y, x] = pulls + grid[SEAM, y, x] + grid[MASS, y, x]
            if grid[DIAGONAL, y, x] > 0:
                grid[INVERSE, y, x] = 1 / grid[DIAGONAL, y, x]


@njit(cache=True, nogil=True)
def coarsen(fine, coarse, level):
    """The equation on cells twice as large, integrated over each cell: masses add up; two pulls side by side act over
    twice the length, hence half. The seam does not move away with the cells' centres: its pull grows as
    4 / (1 + 3 / 2^level) (the best of a few tried; at a straight border it would be 2 / (1 + 1 / 2^level))."""
    height, width = fine.shape[1:]
    nearer = np.float32(0.5 * (1 + 6 / 2**level) / (1 + 3 / 2**level))
    for y in range(1, height - 1, 2):
        for x in range(1, width - 1, 2):
            v, w = (y + 1) // 2, (x + 1) // 2
            coarse[EAST, v, w] = (fine[EAST, y, x + 1] + fine[EAST, y + 1, x + 1]) / 2
            coarse[SOUTH, v, w] = (fine[SOUTH, y + 1, x] + fine[SOUTH, y + 1, x + 1]) / 2
            coarse[SEAM, v, w] = nearer * _total(fine[SEAM], y, x)
            coarse[MASS, v, w] = _total(fine[MASS], y, x)
            coarse[INSIDE, v, w] = _total(fine[INSIDE], y, x) > 0
    finish(coarse)
    _set_shares(fine, coarse[INSIDE])


@njit(cache=True, nogil=True, inline="always")
def _total(cells, y, x):
    return cells[y, x] + cells[y, x + 1] + cells[y + 1, x] + cells[y + 1, x + 1]


@njit(cache=True, nogil=True)
def _set_shares(fine, inside):
    height, width = fine.shape[1:]
    for y in range(1, height - 1):
        near, far = _parents(y)
        for x in range(1, width - 1):
            if fine[INVERSE, y, x] > 0:
                left, right = _parents(x)
                row, other = inside[near], inside[far]
                total = _NEAR * (_NEAR * row[left] + _FAR * row[right])
                fine[SHARE, y, x] = 1 / (total + _FAR * (_NEAR * other[left] + _FAR * other[right]))


@njit(cache=True, nogil=True)
def _parents(x):
    """The cell of the next coarser level that holds x, and the one that x is nearest to but not in."""
    return (x + 1) // 2, (x + 1) // 2 + (1 if x % 2 == 0 else -1)


@njit(cache=True, nogil=True, fastmath=True)
def product(a, b):
    """The scalar product of two fields."""
    total = np.float32(0)
    for y in range(1, a.shape[0] - 1):
        for x in range(1, a.shape[1] - 1):
            total += a[y, x] * b[y, x]
    return total


@njit(cache=True, nogil=True, fastmath=True)
def advance(p, grid, again, out):
    """The next direction p = z + again p, and out = A p; returns the largest |p|, and p A p."""
    height, width = p.shape
    largest, curvature = np.float32(0), np.float32(0)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            p[y, x] = grid[U, y, x] + again * p[y, x]
            size = abs(p[y, x])
            largest = size if size > largest else largest
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            out[y, x] = grid[DIAGONAL, y, x] * p[y, x] - _pulled(p, grid, y, x)
            curvature += out[y, x] * p[y, x]
    return largest, curvature


@njit(cache=True, nogil=True, fastmath=True)
def take(u, residual, p, out, length):
    """A step of conjugate gradients: along p, with out = A p."""
    for y in range(1, u.shape[0] - 1):
        for x in range(1, u.shape[1] - 1):
            u[y, x] += length * p[y, x]
            residual[y, x] -= length * out[y, x]


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _pulled(u, grid, y, x):
    across = grid[EAST, y, x] * u[y, x + 1] + grid[EAST, y, x - 1] * u[y, x - 1]
    return across + grid[SOUTH, y, x] * u[y + 1, x] + grid[SOUTH, y - 1, x] * u[y - 1, x]


@njit(cache=True, nogil=True, fastmath=True)
def cycle(levels, memory):
    """u of the finest grid is nearly the solution for its b; symmetric, as conjugate gradients need it."""
    last = len(levels) - 1
    for level in range(last):
        fine = grid_of(memory, levels, level)
        _start(fine)
        _sweep(fine, 1)
        _restrict(fine, grid_of(memory, levels, level + 1))
    coarsest = grid_of(memory, levels, last)
    _start(coarsest)
    for _ in range(_SWEEPS):
        _sweep(coarsest, 1)
        _sweep(coarsest, 0)
    for level in range(last - 1, -1, -1):
        fine = grid_of(memory, levels, level)
        _prolong(grid_of(memory, levels, level + 1), fine)
        _sweep(fine, 1)
        _sweep(fine, 0)


@njit(cache=True, nogil=True, fastmath=True)
def _start(grid):
    """The first half of a red-black sweep, from u = 0."""
    for y in range(1, grid.shape[1] - 1):
        for x in range(1, grid.shape[2] - 1):
            grid[U, y, x] = 0
        for x in range(1 + y % 2, grid.shape[2] - 1, 2):
            grid[U, y, x] = grid[INVERSE, y, x] * grid[B, y, x]


@njit(cache=True, nogil=True, fastmath=True)
def _sweep(grid, colour):
    height, width = grid.shape[1:]
    row = np.empty(width, np.float32)  # both colours at once, unlike every second cell, fill the vector units
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            row[x] = grid[INVERSE, y, x] * (grid[B, y, x] + _pulled(grid[U], grid, y, x))
        for x in range(1 + (y + colour) % 2, width - 1, 2):
            grid[U, y, x] = row[x]


@njit(cache=True, nogil=True, fastmath=True)
def _restrict(fine, coarse):
    """The residual on the coarser grid: the transpose of `_prolong`."""
    height, width = fine.shape[1:]
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            left = fine[B, y, x] + _pulled(fine[U], fine, y, x) - fine[DIAGONAL, y, x] * fine[U, y, x]
            fine[RESIDUAL, y, x] = fine[SHARE, y, x] * left
    r, row = fine[RESIDUAL], np.empty(width, np.float32)
    for v in range(1, height // 2):
        y = 2 * v - 1
        for x in range(width):
            row[x] = _NEAR * (r[y, x] + r[y + 1, x]) + _FAR * (r[y - 1, x] + r[y + 2, x])
        for w in range(1, width // 2):
            x = 2 * w - 1
            coarse[B, v, w] = _NEAR * (row[x] + row[x + 1]) + _FAR * (row[x - 1] + row[x + 2])


@njit(cache=True, nogil=True, fastmath=True)
def _prolong(coarse, fine):
    """Adds the coarser grid's u to the finer one's, bilinearly."""
    height, width = fine.shape[1:]
    row = np.empty(coarse.shape[2], np.float32)
    for y in range(1, height - 1):
        near, far = _parents(y)
        for w in range(coarse.shape[2]):
            row[w] = _NEAR * coarse[U, near, w] + _FAR * coarse[U, far, w]
        for w in range(1, width // 2):
            x = 2 * w - 1
            fine[U, y, x] += fine[SHARE, y, x] * (_NEAR * row[w] + _FAR * row[w - 1])
            fine[U, y, x + 1] += fine[SHARE, y, x + 1] * (_NEAR * row[w] + _FAR * row[w + 1])
