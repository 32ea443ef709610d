import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.camera import Camera


def test_assumed_camera_is_the_contracts():
    camera = Camera.assumed(640, 480)
    np.testing.assert_allclose(camera.K, [[768, 0, 319.5], [0, 768, 239.5], [0, 0, 1]])


def test_axes_are_optical():
    camera = Camera.assumed(640, 480)
    right, down = camera.project(np.array([[0.1, 0.0, 1.0], [0.0, 0.1, 1.0]]))
    assert right[0] > 319.5 and right[1] == 239.5
    assert down[1] > 239.5 and down[0] == 319.5


@given(st.floats(-500, 1500), st.floats(-500, 1500), st.floats(0.1, 10))
def test_rays_undo_projection(x, y, depth):
    camera = Camera.assumed(640, 480)
    point = camera.rays(np.array([x, y])) * depth
    assert point[2] == pytest.approx(depth)
    np.testing.assert_allclose(camera.project(point), [x, y], atol=1e-6)


@given(st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300))
def test_a_crop_sees_the_same_points(scale, x0, y0):
    camera = Camera.assumed(640, 480)
    crop_to_image = np.array([[scale, 0, x0], [0, scale, y0], [0, 0, 1]])
    point = np.array([0.03, -0.02, 0.7])
    in_crop = np.append(camera.crop(crop_to_image, 512, 512).project(point), 1)
    np.testing.assert_allclose((crop_to_image @ in_crop)[:2], camera.project(point), atol=1e-6)


@pytest.mark.parametrize("K", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.eye(2), np.ones((3, 3)), -np.eye(3)])
def test_impossible_intrinsics_are_refused(K):
    with pytest.raises(ValueError, match="camera matrix"):
        Camera(K, 640, 480)


@given(st.floats(0.3, 20), st.floats(-3, 3), st.integers(16, 4000), st.integers(1, 8))
def test_windows_and_binnings_of_a_likely_camera_are_likely(focal, shift, size, binning):
    """As long as they show half a degree."""
    whole = Camera(np.array([[focal * 4000, 0, 2000], [0, focal * 4000, 1500], [0, 0, 1]]), 4000, 3000)
    offset = [2000 + 600 * shift, 1500]
    K = np.array([[1 / binning, 0, -offset[0] / binning], [0, 1 / binning, -offset[1] / binning], [0, 0, 1]]) @ whole.K
    assert whole.likely
    assert Camera(K, size // binning, size // binning).likely or size < 0.02 * focal * 4000


@pytest.mark.parametrize("fx, fy, cx", [(4, 4, 320), (1e6, 1e6, 320), (768, 60, 320), (768, 768, 20000)])
def test_intrinsics_of_no_lens_are_unlikely(fx, fy, cx):
    assert Camera.assumed(640, 480).likely
    assert not Camera(np.array([[fx, 0, cx], [0, fy, 239.5], [0, 0, 1]]), 640, 480).likely
