"""What holds still is held still, what moves is followed, and time is what the stamps say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.fitting import Fit
from extreme3d_ros.face_model.steadiness import Steadiness

DOUBT = np.radians(1.7)
#: Share of the way that a resting face's estimate goes in a frame at 30 Hz: a cut-off of 0.5 Hz.
GAIN = 1 - np.exp(-2 * np.pi * 0.5 / 30)
FRONT = Rotation.from_euler("x", np.pi)


def fit(turn=(0.0, 0.0, 0.0), t=(0.02, -0.01, 0.5), expression=(0.0, 0.0, 0.0, 0.0), doubt=DOUBT):
    """A frontal face, turned about the camera's axes (radians)."""
    R = (Rotation.from_rotvec(turn) * FRONT).as_matrix()
    nothing = np.zeros(2, np.float32), np.eye(2), np.zeros((10, 2))
    return Fit(nothing[0], np.float32(expression), R, np.array(t), 0.4, *nothing[1:], doubt)


def turn_of(fit):
    return (Rotation.from_matrix(fit.R) * FRONT.inv()).as_rotvec()


def apart(one, other):
    """Radians between two heads."""
    return Rotation.from_matrix(one.R @ other.R.T).magnitude()


def coordinates(fit):
    return np.concatenate([turn_of(fit), fit.t, fit.expression])


def steadied(fits, stamps=None):
    steadiness = Steadiness()
    stamps = np.arange(len(fits)) / 30 if stamps is None else stamps
    return [steadiness(each, stamp) for each, stamp in zip(fits, stamps)]


def scattered(random, count, deviation=1.0):
    """Fits of a still face, with noise so many times the usual."""
    scale = deviation * DOUBT
    return [
        fit(0.07 * scale * random.normal(size=3) * [1, 1, 0.4], expression=0.25 * scale * random.normal(size=4))
        for _ in range(count)
    ]


def unsteadiness(fits):
    return np.std(np.diff([turn_of(each) for each in fits], 2, axis=0))


def test_the_first_fit_is_taken_as_it_is():
    first = fit()
    assert steadied([first])[0] is first


def test_what_does_not_change_stays():
    one = fit((0.3, -0.5, 0.2), expression=(1, -2, 0.5, 0))
    last = steadied([one] * 40)[-1]
    np.testing.assert_allclose(coordinates(last), coordinates(one), atol=1e-7)


def test_the_rest_of_the_fit_is_left_as_it_is():
    one = fit()
    last = steadied([one, replace(one, shape=np.float32([1, 2]), residual=0.7)])[-1]
    np.testing.assert_array_equal(last.shape, [1, 2])
    assert last.residual == 0.7 and last.information is one.information and last.response is one.response
    assert last.expression.dtype == np.float32


def test_small_noise_falls_by_the_factor_of_theory():
    """Of a low-pass of first order: the energy of its impulse response's second difference over that of the noise's."""
    noisy = scattered(np.random.default_rng(1), 3000, deviation=0.05)
    response = np.diff(np.pad(GAIN * (1 - GAIN) ** np.arange(300), (2, 0)), 2)
    factor = np.sqrt((response**2).sum() / 6)
    assert unsteadiness(steadied(noisy)[50:]) == pytest.approx(factor * unsteadiness(noisy[50:]), rel=0.03)


def test_usual_noise_falls_to_a_fifth():
    noisy = scattered(np.random.default_rng(2), 500)
    assert unsteadiness(steadied(noisy)[50:]) < unsteadiness(noisy[50:]) / 5


def test_what_goes_to_and_fro_does_not_open_the_filter():
    """Six deviations off: one frame this way, one that way, or always the same way."""
    off = 6 * 0.07 * DOUBT
    to_and_fro = steadied([fit()] + [fit((off * (-1) ** n, 0, 0)) for n in range(20)])
    assert max(apart(each, fit()) for each in to_and_fro) < 0.25 * off
    assert apart(steadied([fit()] + [fit((off, 0, 0))] * 20)[-1], fit((off, 0, 0))) < 0.1 * off


@given(st.floats(0.02, 0.15), st.sampled_from([0, 1, 2]), st.sampled_from([15.0, 30.0, 60.0]))
@settings(max_examples=30, deadline=None)
def test_a_steady_turn_trails_by_less_than_a_thirtieth_of_a_second(speed, axis, rate):
    """speed: radians in that time; from 34 degrees a second on. For the first half second it may be more."""
    fits = [fit(np.eye(3)[axis] * speed * 30 / rate * n) for n in range(60)]
    behind = np.array([apart(*pair) for pair in zip(steadied(fits, np.arange(60) / rate), fits)]) / speed
    assert behind.max() < 2 and behind[30:].mean() < 1


def test_a_jump_is_followed_at_once_and_not_overshot():
    steady = steadied([fit()] * 10 + [fit((0, 1.0, 0), (0.1, 0, 0.8), (0, 3, 0, 0))] * 3)[10:]
    for each in steady:
        assert 0.99 < turn_of(each)[1] <= 1 and 0.79 < each.t[2] <= 0.8 and 2.9 < each.expression[1] <= 3


def test_a_blink_of_one_frame_is_left():
    blink = [fit()] * 10 + [fit(expression=(0, 0.6, 0, 0))] + [fit()] * 2
    seen = [each.expression[1] for each in steadied(blink)[10:]]
    assert seen[0] > 0.55 and abs(seen[2]) < 0.05


def test_what_moves_does_not_free_what_rests():
    """A face that turns keeps its expression."""
    random = np.random.default_rng(3)
    noisy = scattered(random, 60)
    turning = [replace(each, R=fit((0, 0.05 * n, 0)).R) for n, each in enumerate(noisy)]
    still, moving = ([each.expression for each in steadied(fits)] for fits in (noisy, turning))
    np.testing.assert_array_equal(still, moving)


def test_a_turn_goes_the_short_way_round():
    """From 179 degrees to -179."""
    before, after = (fit(np.radians([0, 0, angle])) for angle in (179, -179))
    for each in steadied([before] * 5 + [after] * 30):
        assert apart(each, before) + apart(each, after) < np.radians(2.01)
    assert apart(each, after) < np.radians(0.1)


def test_what_is_left_of_a_small_step_depends_on_time_alone():
    """Not on how many frames came in it; what was left behind by a hundredth of the noise does not open the filter."""
    step, ends = 1e-2 * 0.07 * DOUBT, []
    for stamps in (np.linspace(0, 0.4, 5), np.linspace(0, 0.4, 33), [0, 0.01, 0.3, 0.35, 0.4]):
        fits = [fit()] + [fit((step, 0, 0))] * (len(stamps) - 1)
        ends.append(turn_of(steadied(fits, stamps)[-1])[0] / step)
    np.testing.assert_allclose(ends, 1 - np.exp(-2 * np.pi * 0.5 * 0.4), rtol=2e-3)


@given(st.integers(0, 10_000), st.floats(-np.pi, np.pi))
@settings(max_examples=20, deadline=None)
def test_a_camera_rolled_about_its_axis_sees_the_same(seed, angle):
    roll = Rotation.from_rotvec([0, 0, angle])
    random = np.random.default_rng(seed)
    noisy = [replace(each, t=each.t + 1e-3 * random.normal(size=3)) for each in scattered(random, 12, 2.0)]
    rolled = [replace(each, R=roll.as_matrix() @ each.R, t=roll.apply(each.t)) for each in noisy]
    for one, other in zip(steadied(noisy), steadied(rolled)):
        np.testing.assert_allclose(other.R, roll.as_matrix() @ one.R, atol=1e-9)
        np.testing.assert_allclose(other.t, roll.apply(one.t), atol=1e-9)
        np.testing.assert_array_equal(other.expression, one.expression)


@given(st.integers(0, 10_000), st.floats(0, 1e5))
@settings(max_examples=20, deadline=None)
def test_when_the_clock_started_is_of_no_matter(seed, start):
    noisy = scattered(np.random.default_rng(seed), 8)
    stamps = np.arange(8) / 32
    for one, other in zip(steadied(noisy, stamps), steadied(noisy, start + stamps)):
        np.testing.assert_allclose(coordinates(other), coordinates(one), atol=1e-7)


def test_a_smaller_face_counts_as_noisier():
    """All that counts is how far a fit is off in units of its doubt."""
    random = np.random.default_rng(4)
    noisy, far = scattered(random, 30), scattered(np.random.default_rng(4), 30, 3.0)
    far = [replace(each, doubt=3 * DOUBT) for each in far]
    near_turns, far_turns = (np.array([turn_of(each) for each in steadied(fits)[1:]]) for fits in (noisy, far))
    np.testing.assert_allclose(far_turns, 3 * near_turns, atol=2e-3 * np.abs(far_turns).max())


def test_a_face_behind_a_hand_is_held_where_it_was():
    off, before = (0.1, 0, 0), [fit()] * 10
    plain = steadied([*before, fit(off, (0.05, 0, 0.55))])[-1]
    hidden = steadied([*before, fit(off, (0.05, 0, 0.55), doubt=3 * DOUBT)])[-1]
    assert turn_of(plain)[0] > 0.07 and turn_of(hidden)[0] < 0.02
    assert plain.t[2] > 0.545 and hidden.t[2] < 0.51


@pytest.mark.parametrize("stamp", [9.99, 10.6, 100.0, 0.0])
def test_after_a_gap_or_when_time_falls_it_begins_anew(stamp):
    steadiness, other = Steadiness(), fit((0.001, 0, 0))
    steadiness(fit(), 10.0)
    assert steadiness(other, stamp) is other


def test_after_a_reset_it_begins_anew():
    steadiness, other = Steadiness(), fit((0.001, 0, 0))
    steadiness(fit(), 0.0)
    steadiness.reset()
    assert steadiness(other, 0.03) is other


def test_a_second_fit_of_the_same_moment_changes_nothing():
    steadiness = Steadiness()
    steadiness(fit(), 1.0)
    np.testing.assert_allclose(coordinates(steadiness(fit((0.2, 0, 0)), 1.0)), coordinates(fit()), atol=1e-7)
