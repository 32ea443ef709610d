import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.raster import rasterize

CAMERA = Camera(np.array([[100.0, 0, 31.5], [0, 100.0, 31.5], [0, 0, 1]]), 64, 64)
SQUARE = np.array([[-0.2, -0.2, 1.0], [0.2, -0.2, 1.0], [0.2, 0.2, 1.0], [-0.2, 0.2, 1.0]])
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def test_a_square_covers_its_pixels_at_its_depth():
    raster = rasterize(SQUARE, SQUARE_FACES, CAMERA)
    rows, columns = np.nonzero(raster.covered)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 51, 12, 51)  # 31.5 +- 20
    assert raster.covered.sum() == 40 * 40
    np.testing.assert_allclose(raster.depth[raster.covered], 1.0, rtol=1e-6)
    assert np.isinf(raster.depth[~raster.covered]).all() and not raster.barycentric[~raster.covered].any()


def test_the_nearer_triangle_is_seen_whatever_the_order():
    vertices = np.concatenate([SQUARE, SQUARE * [0.3, 0.3, 0.5]])
    for faces in (np.concatenate([SQUARE_FACES, SQUARE_FACES + 4]), np.concatenate([SQUARE_FACES + 4, SQUARE_FACES])):
        raster = rasterize(vertices, faces, CAMERA)
        assert raster.depth[31, 31] == pytest.approx(0.5)
        assert set(faces[raster.triangle[31, 31]]) <= {4, 5, 6, 7}
        assert raster.depth[13, 13] == pytest.approx(1.0)


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_barycentric_coordinates_are_perspective_correct(seed):
    """The interpolated 3D position of a pixel is the intersection of its viewing ray with the triangle's plane."""
    random = np.random.default_rng(seed)
    vertices = random.uniform([-0.3, -0.3, 0.5], [0.3, 0.3, 2.0], (3, 3))
    faces = np.array([[0, 1, 2]])
    raster = rasterize(vertices, faces, CAMERA)
    y, x = np.nonzero(raster.covered)
    rays = CAMERA.rays(np.stack([x, y], 1).astype(float))
    normal = np.cross(vertices[1] - vertices[0], vertices[2] - vertices[0])
    expected = rays * ((vertices[0] @ normal) / (rays @ normal))[:, None]
    found = raster.interpolate(faces, vertices)[y, x]
    usable = expected[:, 2] < 10  # planes seen edge-on are ill-conditioned
    np.testing.assert_allclose(found[usable], expected[usable], atol=2e-4)
    np.testing.assert_allclose(raster.depth[y, x][usable], expected[usable, 2], atol=2e-4)
    np.testing.assert_allclose(raster.barycentric[y, x].sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("bad", [[0, 0, 0], [0, 0, -1], [np.nan, 0, 1], [0, 0, np.inf]])
def test_corners_behind_the_camera_or_not_finite_are_left_out(bad):
    vertices = np.concatenate([SQUARE, [bad]])
    faces = np.concatenate([SQUARE_FACES, [[0, 1, 4]]])
    raster = rasterize(vertices, faces, CAMERA)
    assert set(np.unique(raster.triangle)) == {-1, 0, 1}


def test_faces_far_outside_the_image_cost_nothing_and_hit_nothing():
    raster = rasterize(SQUARE + [50, 0, 0], SQUARE_FACES, CAMERA)
    assert not raster.covered.any()
