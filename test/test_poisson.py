import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from extreme3d_ros.geometry.poisson import blend

REACH = 3.0


def exact(image, donor, hole, known, reach):
    """The minimiser of the sum of squares as `blend` states it, by dense least squares in float64."""
    index = np.full(hole.shape, -1)
    index[hole] = np.arange(hole.sum())
    rows, targets = [], []

    def ask(target, weight, *terms):
        row = np.zeros(hole.sum())
        for i, sign in terms:
            if hole[i]:
                row[index[i]] += weight * sign
            else:
                target = target - sign * image[i]
        rows.append(row)
        targets.append(weight * target)

    for i in zip(*np.nonzero(hole | known)):
        for j in ((i[0], i[1] + 1), (i[0] + 1, i[1])):
            if j[0] < hole.shape[0] and j[1] < hole.shape[1] and (hole[j] or known[j]) and (hole[i] or hole[j]):
                step = float(donor[i]) - float(donor[j])
                ask(step if np.isfinite(step) else 0.0, 1.0, (i, 1), (j, -1))
        if hole[i]:
            lacking = np.isnan(donor[i])
            ask(0.0 if lacking else donor[i], 1 / reach if lacking else 1e-5, (i, 1))
    filled = np.array(image, np.float64)
    if rows:
        filled[hole] = np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0]
    return filled


def relief(shape, seed):
    return gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3).astype(np.float32)


def disc(size, radius):
    y, x = np.mgrid[:size, :size] - size / 2
    return x**2 + y**2 < radius**2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 10), st.integers(1, 10), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)
)
def test_it_is_the_exact_minimiser(seed, height, width, holes, knowns, gaps):
    random = np.random.default_rng(seed)
    image, donor = random.normal(size=(2, height, width)).astype(np.float32)
    hole = random.random((height, width)) < holes
    known = ~hole & (random.random((height, width)) < knowns)
    donor[random.random((height, width)) < gaps] = np.nan
    filled, wanted = blend(image, donor, hole, known, REACH), exact(image, donor, hole, known, REACH)
    assert filled.dtype == np.float32
    np.testing.assert_allclose(
        filled, wanted, atol=1e-2
    )  # heights span about 5; the worst of 1,400 mazes was off by 4e-3


def test_the_seam_is_exact_and_nothing_outside_changes():
    image, donor, hole = relief((40, 40), 0), relief((40, 40), 1), disc(40, 14)
    image[:3] = np.nan
    filled = blend(image, donor, hole, ~hole, REACH)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    wanted = exact(image, donor, hole, ~hole, REACH)
    assert abs(filled - wanted)[hole].max() < 1e-3 * np.ptp(donor[hole])


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 2), st.integers(0, 100))
def test_a_donor_that_differs_by_a_constant_gives_back_the_image(offset, seed):
    image, hole = relief((60, 70), seed), np.zeros((60, 70), bool)
    hole[10:50, 20:60] = True
    filled = blend(image, image + np.float32(offset), hole, ~hole, REACH)
    np.testing.assert_allclose(filled, image, atol=1e-3 * (np.ptp(image) + abs(offset)))


def test_a_plane_goes_on_where_the_donor_is_flat():
    y, x = np.mgrid[:80, :80].astype(np.float32)
    plane, hole = 0.3 * x - 0.2 * y + 5, disc(80, 25)
    filled = blend(np.where(hole, np.float32(99), plane), np.full((80, 80), 7, np.float32), hole, ~hole, REACH)
    np.testing.assert_allclose(filled, plane, atol=0.03)


@pytest.mark.parametrize("rows", [1, 6])
def test_without_a_donor_heights_fall_like_cosh(rows):
    """Along a strip with free borders, 2 f_i - f_(i-1) - f_(i+1) + f_i / reach^2 = 0 and f = 1 at both ends."""
    width, reach = 41, 5.0
    hole = np.zeros((rows, width), bool)
    hole[:, 1:-1] = True
    filled = blend(np.ones((rows, width), np.float32), np.full((rows, width), np.nan), hole, ~hole, reach)
    rate = np.arccosh(1 + 0.5 / reach**2)
    middle = width // 2
    wanted = np.cosh(rate * (np.arange(width) - middle)) / np.cosh(rate * middle)
    np.testing.assert_allclose(filled, np.tile(wanted, (rows, 1)), atol=1e-3)
    assert (np.diff(filled[:, : middle - 1]) < 0).all() and (np.diff(filled[:, middle + 2 :]) > 0).all()


def test_without_a_donor_nothing_is_left_far_from_the_seam():
    hole = disc(150, 60)
    filled = blend(np.ones((150, 150), np.float32), np.full((150, 150), np.nan, np.float32), hole, ~hole, 4.0)
    assert abs(filled[disc(150, 30)]).max() < 2e-3


def test_a_hole_without_a_seam_is_the_donors():
    donor, hole = relief((60, 60), 2), np.zeros((60, 60), bool)
    hole[5:30, 5:30] = hole[40:50, 40:50] = True
    known = np.zeros_like(hole)
    known[40:50, 50] = True
    image = np.full((60, 60), 3, np.float32)
    filled = blend(image, donor, hole, known, REACH)
    np.testing.assert_array_equal(filled[5:30, 5:30], donor[5:30, 5:30])
    assert (filled[40:50, 49] > 2).all()


def test_a_whole_image_can_be_a_hole():
    everywhere, nowhere = np.ones((40, 50), bool), np.zeros((40, 50), bool)
    image, donor = np.full((40, 50), np.nan, np.float32), relief((40, 50), 3)
    np.testing.assert_array_equal(blend(image, donor, everywhere, nowhere, REACH), donor)
    assert not blend(image, np.full_like(donor, np.nan), everywhere, nowhere, REACH).any()


def test_no_hole_leaves_the_image():
    image, nowhere = relief((30, 30), 4), np.zeros((30, 30), bool)
    np.testing.assert_array_equal(blend(image, image + 1, nowhere, ~nowhere, REACH), image)


def test_what_is_not_finite_does_not_leak_in():
    image, donor, hole = relief((60, 60), 5), relief((60, 60), 6), disc(60, 20)
    known = ~hole & disc(60, 24)
    clean = blend(image, donor, hole, known, REACH)
    spoiled, outside = image.copy(), ~known
    spoiled[outside] = np.nan
    spoiled[30, 30] = np.inf
    np.testing.assert_array_equal(blend(spoiled, donor, hole, known, REACH)[hole], clean[hole])
    donor[~(hole | known)] = np.nan
    np.testing.assert_array_equal(blend(image, donor, hole, known, REACH)[hole], clean[hole])


def test_a_known_pixel_that_is_not_finite_counts_as_unknown():
    image, donor, hole = relief((60, 60), 7), relief((60, 60), 8), disc(60, 20)
    known = ~hole
    image[:30] = np.nan
    filled = blend(image, donor, hole, known, REACH)
    assert np.isfinite(filled[hole]).all()
    known[:30] = False
    np.testing.assert_array_equal(filled, blend(image, donor, hole, known, REACH))
