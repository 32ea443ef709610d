import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.stages import lighting


def random_normals(count, seed=0):
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals[:, 2] = -np.abs(normals[:, 2])  # towards the camera
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


@given(st.integers(0, 1000))
def test_gradient_is_the_derivative_of_the_basis(seed):
    random = np.random.default_rng(seed)
    normal, step, light = random.normal(size=3), random.normal(size=3), random.normal(size=9)
    e = 1e-5
    numerical = (lighting.basis(normal + e * step) - lighting.basis(normal - e * step)) @ light / (2 * e)
    assert lighting.gradient(normal, light) @ step == pytest.approx(numerical, rel=1e-5, abs=1e-6)


def test_shade_is_the_basis_times_the_light():
    normals, light = random_normals(50), np.random.default_rng(1).normal(size=9)
    np.testing.assert_allclose(lighting.shade(normals, light), lighting.basis(normals) @ light, atol=1e-12)


def test_light_is_recovered_in_spite_of_outliers():
    normals = random_normals(5000)
    light = np.array([0.4, 0.15, -0.2, -0.25, 0.0, 0.0, 0.0, 0.0, 0.0])
    intensities = lighting.basis(normals) @ light
    spoiled = intensities.copy()
    spoiled[:1000] = 0.02  # a fifth of the face behind sunglasses
    found = lighting.basis(normals) @ lighting.estimate(normals, spoiled)
    assert np.abs(found - intensities).max() < 0.02


def test_one_sided_normals_give_a_tame_light():
    normals = np.tile([[0.0, 0.0, -1.0]], (200, 1)) + 0.01 * random_normals(200)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = lighting.estimate(normals, np.full(200, 0.5))
    shading = lighting.basis(random_normals(100)) @ light
    assert np.isfinite(light).all() and shading.min() > 0.2 and shading.max() < 0.8
