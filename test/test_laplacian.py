"""Laplace coordinates on a mesh's edges, and values that have given ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.geometry.laplacian import Laplacian


def grid(rows, columns):
    """The edges (E, 2) of a grid of vertices, with one diagonal a square."""
    index = np.arange(rows * columns).reshape(rows, columns)
    pairs = [(index[:-1], index[1:]), (index[:, :-1], index[:, 1:]), (index[:-1, :-1], index[1:, 1:])]
    return np.concatenate([np.column_stack([a.ravel(), b.ravel()]) for a, b in pairs])


def exact(edges, steps, anchors, pull):
    """The minimiser that `solve` states, by dense least squares in float64; steps: (E, 3) from the second end."""
    count, free = len(anchors), np.isfinite(pull)
    rows = np.zeros((len(edges) + count, count))
    rows[np.arange(len(edges)), edges[:, 0]], rows[np.arange(len(edges)), edges[:, 1]] = 1, -1
    weights = np.sqrt(np.where(free, pull, 0))
    rows[len(edges) :] = np.diag(weights)
    targets = np.concatenate([steps, weights[:, None] * anchors])
    x = anchors.astype(np.float64)
    x[free] = np.linalg.lstsq(rows[:, free], targets - rows[:, ~free] @ x[~free], rcond=None)[0]
    return x


def coordinates_of(laplacian, values):
    everywhere = np.ones(len(values))
    return laplacian.composed(values, everywhere, 0 * values, 0 * everywhere)


def test_laplace_coordinates_are_sums_of_differences_to_the_neighbours():
    laplacian = Laplacian(np.array([[0, 1], [1, 2], [1, 3]]), 4)
    values = np.array([[0.0, 1, 2], [1, 1, 1], [5, 0, 0], [0, 0, 1]], np.float32)
    expected = [values[0] - values[1], 3 * values[1] - values[[0, 2, 3]].sum(0), values[2] - values[1]]
    np.testing.assert_allclose(coordinates_of(laplacian, values), [*expected, values[3] - values[1]])


def test_where_one_field_ends_the_other_takes_over_without_a_step():
    above, below = np.full((6, 3), 5.0), np.arange(18.0).reshape(6, 3)
    share, everywhere = np.array([1, 1, 1, 0, 0, 0.0]), np.ones(6)
    path = np.column_stack([np.arange(5), np.arange(1, 6)])
    laplacian = Laplacian(path, 6)
    coordinates = laplacian.composed(above, share, below, everywhere)
    pull = np.where(share == 1, np.inf, 1e-6)
    x = laplacian.solve(coordinates, np.where(share[:, None] == 1, above, below), pull, 1e-6)
    np.testing.assert_array_equal(x[:3], 5)
    np.testing.assert_allclose(x[3:], 5 + below[3:] - below[2], atol=1e-3)


def test_under_no_field_there_are_no_steps():
    values, nowhere = np.random.default_rng(0).normal(size=(20, 3)), np.zeros(20)
    np.testing.assert_array_equal(Laplacian(grid(4, 5), 20).composed(values, nowhere, values, nowhere), 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(2, 8), st.floats(0, 1))
def test_it_is_the_exact_minimiser(seed, rows, columns, fixed):
    random, count = np.random.default_rng(seed), rows * columns
    edges = grid(rows, columns)
    steps, anchors = random.normal(size=(len(edges), 3)), random.normal(size=(count, 3)).astype(np.float32)
    pull = np.where(random.random(count) < fixed, np.inf, random.uniform(0.05, 2, count))
    coordinates = np.zeros((count, 3))
    np.add.at(coordinates, edges[:, 0], steps)
    np.add.at(coordinates, edges[:, 1], -steps)
    x = Laplacian(edges, count).solve(coordinates, anchors, pull, 1e-6)
    np.testing.assert_allclose(x, exact(edges, steps, anchors, pull), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_values_come_back_from_their_laplace_coordinates(seed):
    values = np.random.default_rng(seed).normal(size=(42, 3)).astype(np.float32)
    laplacian = Laplacian(grid(6, 7), 42)
    pull = np.full(42, 0.01)
    pull[0] = np.inf
    found = laplacian.solve(coordinates_of(laplacian, values), values, pull)
    np.testing.assert_allclose(found, values, atol=1e-5)


@pytest.mark.parametrize("count", [0, 3])
def test_all_fixed_vertices_stay(count):
    anchors = np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)
    laplacian = Laplacian(np.zeros((0, 2), int) if not count else np.array([[0, 1], [1, 2]]), count)
    x = laplacian.solve(np.ones((count, 3)), anchors, np.full(count, np.inf))
    np.testing.assert_array_equal(x, anchors)
