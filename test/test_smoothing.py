"""Means over the parts of an image where something is known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.geometry.smoothing import smooth_over

SIGMAS = [1.0, 5.0, 7.0, 14.0, 32.0]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_what_is_level_stays_so_whatever_lies_off_the_mask(sigma):
    mask = np.zeros((150, 131), bool)
    mask[30:100, 20:110] = True
    image = np.where(mask, 3.0, np.nan)
    np.testing.assert_allclose(smooth_over(image, mask, sigma)[mask], 3.0, rtol=1e-3)
    both = smooth_over(np.dstack([image, 2 * image]), mask, sigma)
    np.testing.assert_allclose(both[mask], [[3.0, 6.0]] * mask.sum(), rtol=1e-3)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_spot_spreads_over_so_many_pixels(sigma):
    size = int(8 * sigma) * 2 + 1
    image = np.zeros((size, size), np.float32)
    image[size // 2, size // 2] = 1
    spread = smooth_over(image, np.ones(image.shape, bool), sigma)
    x = np.arange(size) - size // 2
    assert np.sqrt((spread.sum(0) * x**2).sum() / spread.sum()) == pytest.approx(sigma, rel=0.1)


@given(st.integers(0, 10**6), st.sampled_from(SIGMAS))
@settings(max_examples=20, deadline=None)
def test_a_mean_lies_within_what_it_is_of(seed, sigma):
    rng = np.random.default_rng(seed)
    image, mask = rng.uniform(1, 2, (60, 80)).astype(np.float32), rng.random((60, 80)) < 0.5
    mean = smooth_over(image, mask, sigma)[mask]
    assert len(mean) == 0 or (mean.min() > 0.99 and mean.max() < 2.01)


@pytest.mark.parametrize("sigma", [14.0, 20.0])
def test_a_box_around_the_mask_gives_the_means_of_the_whole_image(sigma):
    rng = np.random.default_rng(0)
    mask = np.zeros((400, 480), bool)
    mask[150:230, 200:300] = rng.random((80, 100)) < 0.7
    image = rng.normal(size=mask.shape).astype(np.float32)
    box = np.s_[144:236, 192:308]  # whole cells of 4 pixels, and one more
    means = smooth_over(image[box], mask[box], sigma, cv2.BORDER_CONSTANT)
    assert np.array_equal(means[mask[box]], smooth_over(image, mask, sigma)[mask])
