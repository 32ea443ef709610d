"""Gradient-domain blending (Sec. 4.2; Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003).

With f = d + u, d the donor (0 where it knows nothing), u solves a discrete Poisson equation A u = b on the hole's own
pixels: A is the 5-point Laplacian, plus 1 / reach^2 where there is no donor. Conjugate gradients solve it,
preconditioned by a multigrid V-cycle: one red-black Gauss-Seidel sweep down and one up, cells of 2 x 2 from level to
level. A step leaves a fraction of its own size to correct, so that it also says when to stop.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from extreme3d_ros.geometry.box import box_of
from extreme3d_ros.geometry.multigrid import (
    SEAM,
    B,
    U,
    advance,
    coarsen,
    connect,
    cycle,
    finish,
    grid_of,
    plan,
    product,
    take,
)

_HOLE, _KNOWN = 1, 2
#: A step that is small enough to be the last: this share of the donor's range or of the first step.
_OF_DONOR, _OF_CORRECTION = np.float32(1e-3), np.float32(2e-4)
#: A bound that is not meant to be met.
_STEPS = 100


def blend(image: np.ndarray, donor: np.ndarray, hole: np.ndarray, known: np.ndarray, reach: float) -> np.ndarray:
    """The image with its hole filled by the donor's detail: (H, W) float32, bit for bit the image outside the hole.

    image, donor: (H, W) float32 in one unit, donor NaN where it knows nothing; hole, known: (H, W) bool, disjoint;
    reach: pixels. Inside the hole f minimises, over pairs of 4-neighbours {i, j}, i in the hole, j in it or known,

        sum ((f_i - f_j) - (d_i - d_j))^2  +  sum over hole pixels without a donor of f_i^2 / reach^2

    with f = image on `known`; a pair of which one has no donor asks for equal heights. So the detail is the donor's
    and meets the image at the seam; where nothing is borrowed it falls to zero over about `reach` pixels. All other
    neighbours are a free border, known pixels that are not finite too. A part of the hole with a donor everywhere and
    no known neighbour is the donor's, as a vanishing pull towards the donor would make it.

    The iteration aims at an error below 0.001 of the donor's range in the hole, or 0.0002 of the largest correction
    where that is more. It stops by the size of its steps, which proves nothing: real holes stay well below, and of
    1,400 random mazes of single pixels one exceeded it, by 16 %.
    """
    filled = np.array(image, np.float32)
    window = box_of(hole)
    part = filled[window]
    if part.size:
        part[hole[window]] = _filling(part, donor[window], hole[window], known[window], np.float32(1 / reach**2))
    return filled


def _filling(image, donor, hole, known, pull):
    """The hole's heights in the order of its pixels."""
    levels, size = plan(*hole.shape)
    shape = levels[0, 1:]
    kind, detail, height = np.zeros(shape, np.uint8), np.full(shape, np.nan, np.float32), np.zeros(shape, np.float32)
    inner = np.s_[1 : hole.shape[0] + 1, 1 : hole.shape[1] + 1]
    kind[inner] = np.where(hole, _HOLE, np.where(known & np.isfinite(image), _KNOWN, 0))
    detail[inner], height[inner] = donor, image
    detail[~np.isfinite(detail)] = np.nan
    borrowed = detail[inner][hole]
    span = np.fmax.reduce(borrowed) - np.fmin.reduce(borrowed)
    u = _solved(kind, detail, height, pull, levels, np.zeros(size, np.float32), _OF_DONOR * np.nan_to_num(span))
    return u[inner][hole] + np.nan_to_num(borrowed)


def _solved(kind, donor, image, pull, levels, memory, goal):
    """u on the finest grid. kind: nothing, hole or known; donor, image: heights; all of the grid's shape."""
    grid = grid_of(memory, levels, 0)
    unknown = _anchored(kind, donor)
    _pose(kind, donor, image, unknown, grid[B], grid[SEAM])
    connect(kind, donor, unknown, pull, grid)
    finish(grid)
    for level in range(1, len(levels)):
        coarsen(grid_of(memory, levels, level - 1), grid_of(memory, levels, level), level)
    return _conjugate_gradients(levels, memory, goal)


def _conjugate_gradients(levels, memory, goal):
    """Preconditioned conjugate gradients on the finest grid, until a step changes no height by more than `goal`."""
    grid = grid_of(memory, levels, 0)
    u, p, out = np.zeros_like(grid[U]), np.zeros_like(grid[U]), np.zeros_like(grid[U])
    residual, before = grid[B], 1.0
    for step in range(_STEPS):
        cycle(levels, memory)
        now = product(grid[U], residual)
        if now <= 0:
            break
        largest, curvature = advance(p, grid, np.float32(now / before if step else 0), out)
        length, before = now / curvature, now
        take(u, residual, p, out, np.float32(length))
        if step == 0:
            goal = max(goal, _OF_CORRECTION * length * largest)
        if length * largest <= goal:
            break
    return u


@njit(cache=True, nogil=True)
def _anchored(kind, donor):
    """Hole pixels whose height is determined: connected to a known pixel or to a hole pixel without a donor."""
    anchored = np.zeros(kind.shape, np.bool_)
    flat, kinds, donors = anchored.ravel(), kind.ravel(), donor.ravel()
    neighbours = (-kind.shape[1], -1, 1, kind.shape[1])
    stack, count = np.empty(len(kinds), np.int64), 0
    for i in range(len(kinds)):
        if kinds[i] == _HOLE:
            for step in neighbours:
                if np.isnan(donors[i]) or kinds[i + step] == _KNOWN:
                    flat[i] = True
            if flat[i]:
                stack[count] = i
                count += 1
    while count:
        count -= 1
        i = stack[count]
        for step in neighbours:
            if kinds[i + step] == _HOLE and not flat[i + step]:
                flat[i + step] = True
                stack[count] = i + step
                count += 1
    return anchored


@njit(cache=True, nogil=True)
def _pose(kind, donor, image, unknown, b, seam):
    """The right-hand side, and how many known pixels each pixel touches."""
    for y in range(1, kind.shape[0] - 1):
        for x in range(1, kind.shape[1] - 1):
            if not unknown[y, x]:
                continue
            for v, w in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
                if not kind[v, w]:
                    continue
                here, there = _or_zero(donor[y, x]), _or_zero(donor[v, w])
                if np.isnan(donor[y, x]) or np.isnan(donor[v, w]):
                    b[y, x] += there - here
                if kind[v, w] == _KNOWN:
                    b[y, x] += image[v, w] - there
                    seam[y, x] += 1


@njit(cache=True, nogil=True, inline="always")
def _or_zero(height):
    return np.float32(0) if np.isnan(height) else height
