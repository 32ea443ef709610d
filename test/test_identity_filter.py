"""Who it is, told by many views: what adds up, and what does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.fitting import Evidence
from extreme3d_ros.face_model.identity_filter import IdentityFilter, ShapeEvidence, shape_evidence

S = 12
FRONT = np.array([0.0, 0.0, 1.0])
FAR_APART = (-80.0, -40.0, 0.0, 40.0, 80.0)


def towards(yaw, pitch=0.0):
    return Rotation.from_euler("yx", [yaw, -pitch], degrees=True).apply(FRONT)


def view(random, who, rank=S, strength=3.0):
    """What a view with independent errors says of a shape."""
    factor = np.sqrt(strength) * random.normal(size=(S, rank))
    information = factor @ factor.T
    return ShapeEvidence(information, information @ who + factor @ random.normal(size=rank))


def heard(views):
    person = IdentityFilter(S)
    for evidence, direction in views:
        person.add(evidence, direction)
    return person


def scattered(random, count, who=None):
    who = random.normal(size=S) if who is None else who
    return [(view(random, who, rank=4), towards(*random.uniform(-60, 60, 2))) for _ in range(count)]


def test_before_the_first_view_it_is_the_mean_face():
    person = IdentityFilter(S)
    assert not person.mean.any()
    np.testing.assert_array_equal(person.information, np.eye(S))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_first_view_is_believed_as_it_stands(seed):
    evidence = view(np.random.default_rng(seed), np.ones(S), rank=5)
    person = heard([(evidence, towards(20))])
    np.testing.assert_allclose(person.information, np.eye(S) + evidence.information)
    np.testing.assert_allclose(person.mean, np.linalg.solve(np.eye(S) + evidence.information, evidence.vector))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_views_from_far_apart_add_up_as_gaussians_do(seed):
    random = np.random.default_rng(seed)
    who = random.normal(size=S)
    views = [view(random, who) for _ in FAR_APART]
    person = heard(zip(views, map(towards, FAR_APART)))
    information = np.eye(S) + sum(each.information for each in views)
    np.testing.assert_allclose(person.information, information, rtol=0.02, atol=0.02 * np.trace(information) / S)
    mean = np.linalg.solve(information, sum(each.vector for each in views))
    np.testing.assert_allclose(person.mean, mean, atol=0.05)


def test_each_view_informs_what_it_sees():
    """A frontal view tells the first half of the coefficients, a profile the second."""
    who = np.linspace(-2, 2, S)
    first = np.diag(np.where(np.arange(S) < S // 2, 100.0, 0.0))
    second = 100.0 * np.eye(S) - first
    views = [(ShapeEvidence(L, L @ who), towards(yaw)) for L, yaw in ((first, 0), (second, 80))]
    np.testing.assert_allclose(heard(views).mean, who, rtol=0.02)


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=20, deadline=None)
def test_the_order_of_views_is_of_no_matter(seed, count):
    random = np.random.default_rng(seed)
    views = scattered(random, count)
    one = heard(views)
    other = heard([views[i] for i in random.permutation(count)])
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
    np.testing.assert_allclose(one.information, other.information, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(-90, 90), st.floats(-60, 60))
@settings(max_examples=20, deadline=None)
def test_a_view_that_knows_nothing_changes_nothing(seed, yaw, pitch):
    person = heard(scattered(np.random.default_rng(seed), 3))
    mean, information = person.mean.copy(), person.information.copy()
    person.add(ShapeEvidence(np.zeros((S, S)), np.zeros(S)), towards(yaw, pitch))
    person.add(view(np.random.default_rng(seed), np.ones(S)), towards(yaw, pitch), weight=0.0)
    np.testing.assert_allclose(person.mean, mean, atol=1e-9)
    np.testing.assert_allclose(person.information, information, rtol=1e-9, atol=1e-9)


def test_the_same_view_again_tells_nothing_new():
    evidence = view(np.random.default_rng(0), np.ones(S), rank=5)
    once, often = heard([(evidence, FRONT)]), heard([(evidence, FRONT)] * 50)
    np.testing.assert_allclose(often.information, once.information)
    np.testing.assert_allclose(often.mean, once.mean)


def test_noise_of_one_direction_averages_out():
    random = np.random.default_rng(1)
    who = random.normal(size=S)
    steady = 30.0 * np.eye(S)
    noisy = [(ShapeEvidence(steady, steady @ (who + 0.3 * random.normal(size=S))), FRONT) for _ in range(100)]
    aim = np.linalg.solve(np.eye(S) + steady, steady @ who)
    assert np.abs(heard(noisy).mean - aim).max() < 0.12
    np.testing.assert_allclose(heard(noisy).information, np.eye(S) + steady)


@given(st.floats(0, 25))
@settings(max_examples=20, deadline=None)
def test_a_small_turn_tells_little_new(turn):
    """No more than a view of its own; and next to nothing where the direction is next to the same."""
    evidence = ShapeEvidence(np.eye(S), np.ones(S))
    together = np.trace(heard([(evidence, FRONT), (evidence, towards(turn))]).information) - S
    assert S - 1e-9 <= together <= 2 * S + 1e-9
    if turn < 4:
        assert together == pytest.approx(S)
    if turn < 14:
        assert together < 1.5 * S


def test_a_hand_before_the_face_takes_nothing_from_what_was_seen_without():
    random = np.random.default_rng(2)
    who = random.normal(size=S)
    clear = view(random, who, strength=20.0)
    hidden = [(view(random, who, strength=0.1), FRONT) for _ in range(20)]
    person = heard([(clear, FRONT), *hidden])
    assert np.trace(person.information) == pytest.approx(S + np.trace(clear.information))


def test_a_view_tells_what_the_fit_learned_without_what_all_faces_are():
    """One coefficient that only the network knows, one that only the points know, one that nobody does."""
    spread = np.array([0.5, 1.0, 1.0])
    known = Evidence(np.zeros((468, 2)), np.ones(468), np.array([0.8, 0.0, 0.0]), spread)
    points = np.diag([0.0, 6.0, 0.0])
    information = points + np.diag(spread**-2)
    shape = np.linalg.solve(information, points @ [0.0, 1.4, 0.0] + known.mean / spread**2)
    told = shape_evidence(known, shape, information)
    np.testing.assert_allclose(np.diag(told.information), [3.0, 3.0, 0.0])  # half of what the points say
    np.testing.assert_allclose(told.vector, [3.2, 4.2, 0.0])
