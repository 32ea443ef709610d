"""The live gallery: what is remembered of the person before the camera, and when it is forgotten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.references.person import Person

S = 64
FRONT = np.array([0.0, 0.0, 1.0])
HERE = np.array([0.0, 0.0, 0.8])


def towards(yaw, pitch=0.0):
    return Rotation.from_euler("yx", [yaw, -pitch], degrees=True).apply(FRONT)


def skin(height, columns=slice(0, S)):
    made = np.full((S, S), np.nan, np.float32)
    made[:, columns] = height
    return made


def test_nobody_lends_nothing():
    assert Person().skin_for(FRONT) is None
    person = Person()
    person.add(skin(1, slice(0, 0)), FRONT)
    assert person.skin_for(FRONT) is None and len(person) == 0


def test_what_was_seen_comes_back():
    person = Person()
    view = skin(1e-3, slice(0, 40))
    person.add(view, FRONT)
    np.testing.assert_allclose(person.skin_for(towards(50)), view, rtol=1e-6)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), max_size=60))
def test_it_is_bounded(turns):
    person = Person()
    for yaw, pitch in turns:
        person.add(np.zeros((4, 4), np.float32), towards(yaw, pitch))
    assert len(person) <= 35


def test_views_of_one_bin_are_one():
    person = Person()
    for yaw in (-6, 0, 6):
        person.add(skin(1e-3), towards(yaw))
    assert len(person) == 1
    person.add(skin(1e-3), towards(12))
    person.add(skin(1e-3), towards(0, 12))
    assert len(person) == 3


@pytest.mark.parametrize("better_first", [True, False])
def test_the_better_view_wins_and_the_other_fills_its_gaps(better_first):
    person = Person()
    views = [(2e-3, slice(0, 50)), (1e-3, slice(24, S))]
    for height, columns in views if better_first else views[::-1]:
        person.add(skin(height, columns), FRONT)
    merged = person.skin_for(FRONT)
    np.testing.assert_allclose(merged[:, :40], 2e-3, rtol=1e-5)
    np.testing.assert_allclose(merged[:, 50:], 1e-3, rtol=1e-5)
    assert np.abs(np.diff(merged, axis=1)).max() < 3e-4, "no step where they meet"


def test_of_equal_views_the_newer_wins():
    person = Person()
    person.add(skin(1e-3), FRONT)
    person.add(skin(2e-3), FRONT)
    np.testing.assert_allclose(person.skin_for(FRONT), 2e-3, rtol=1e-5)


def test_a_worse_view_changes_nothing_of_what_is_known():
    person = Person()
    person.add(skin(1e-3), FRONT)
    person.add(skin(9e-3, slice(0, 30)), FRONT)
    np.testing.assert_allclose(person.skin_for(FRONT), 1e-3, rtol=1e-5)


def test_nearer_viewpoints_weigh_more():
    person = Person()
    person.add(skin(1e-3), towards(0))
    person.add(skin(2e-3), towards(30))
    means = [np.nanmean(person.skin_for(towards(yaw))) for yaw in (0, 10, 20, 30)]
    assert np.all(np.diff(means) > 0) and means[0] < 1.2e-3 and means[-1] > 1.8e-3


def test_what_only_a_far_view_shows_is_there():
    person = Person()
    person.add(skin(1e-3, slice(0, 20)), towards(-45, 30))
    person.add(skin(2e-3, slice(20, 40)), towards(45, -30))
    found = person.skin_for(towards(45, -30))
    np.testing.assert_allclose(found[:, :20], 1e-3, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(found[0]), np.arange(S) >= 40)


def test_forgetting_leaves_nothing():
    person = Person()
    person.add(skin(1e-3), FRONT)
    person.forget()
    assert len(person) == 0 and person.skin_for(FRONT) is None


@pytest.mark.parametrize(
    ("place", "same"),
    [
        (HERE, True),
        (HERE + [0.1, 0.05, 0.05], True),
        (HERE * 1.2, True),  # one picture tells a distance but roughly
        (HERE + [0.3, 0, 0], False),
        (HERE + [0, -0.25, 0], False),
        (HERE * 1.6, False),
        (HERE / 1.6, False),
    ],
)
def test_another_place_is_another_person(place, same):
    person = Person()
    person.follow(HERE)
    person.add(skin(1e-3), FRONT)
    person.follow(place)
    assert bool(len(person)) == same


def test_who_moves_steadily_is_not_forgotten():
    person = Person()
    person.add(skin(1e-3), FRONT)
    for step in range(20):
        person.follow(HERE + [0.1 * step, 0, 0.05 * step])
    assert len(person) == 1


# --- in completion_node -----------------------------------------------------------------------------------------------


@pytest.fixture
def node(make_bench):
    pytest.importorskip("rclpy")
    from extreme3d_ros.nodes.completion_node import CompletionNode

    node = make_bench().add(CompletionNode(make=lambda *chosen: (None, 0)))
    node.autostart()
    return node


@pytest.fixture
def stream(node):
    """The base topics' face, just seen."""
    stream = node._streams[""]
    node._set_open(stream, True)
    stream.person.add(skin(1e-3), FRONT)
    stream.arrival = node.get_clock().now()
    return stream


def test_a_lost_face_is_forgotten(node, stream):
    node._check_lost(stream)
    assert len(stream.person) == 1
    stream.arrival = None
    node._check_lost(stream)
    assert len(stream.person) == 0


def test_who_shall_not_be_remembered_is_forgotten(node, stream):
    from rclpy.parameter import Parameter

    assert node.set_parameters([Parameter("remember_person", value=False)])[0].successful
    node._check_lost(stream)
    assert len(stream.person) == 0


def test_a_node_that_rests_forgets(node, stream):
    node.trigger_deactivate()
    assert len(stream.person) == 0
