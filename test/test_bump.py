import cv2
import numpy as np
import pytest
import trimesh

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import HIDDEN, NOT_FACE, VISIBLE, Crop, Surface
from extreme3d_ros.stages.bump import ShapeFromShading, encode

CAMERA = Camera(np.array([[1800.0, 0, 255.5], [0, 1800.0, 255.5], [0, 0, 1]]), 512, 512)


def ellipsoid():
    """A head-sized surface of 512 x 512 pixels, and its exact record."""
    ball = trimesh.creation.icosphere(6)
    vertices, faces = ball.vertices * [0.08, 0.11, 0.09] + [0, 0, 0.9], ball.faces
    normals = vertex_normals(vertices, faces)
    raster = rasterize(vertices, faces, CAMERA)
    image = raster.interpolate(faces, normals)
    image /= np.maximum(np.linalg.norm(image, axis=2, keepdims=True), 1e-6)
    return Surface(raster, image, -image[..., 2] * raster.covered)


def wrinkles(covered):
    """Ridges 6 to 8 mm apart and 0.25 mm high, which fade towards the rim."""
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    inner = cv2.GaussianBlur(cv2.erode(covered.astype(np.uint8), np.ones((41, 41))).astype(np.float32), (0, 0), 12)
    return (2.5e-4 * np.sin(y / 2.2) * np.exp(-(((x - 255) / 60) ** 2)) * inner).astype(np.float32)


def photograph(surface, bump, light=(0.35, -0.6, -0.7)):
    """The surface with the bump, matt, of skin colour, under one lamp and ambient light, as 8-bit sRGB."""
    depth = np.where(surface.raster.covered, surface.raster.depth, 0.95) - bump
    points = CAMERA.rays(np.stack(np.meshgrid(np.arange(512.0), np.arange(512.0)), -1)) * depth[..., None]
    normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    lamp = np.clip(normals @ (np.array(light) / np.linalg.norm(light)), 0, None)
    linear = (0.15 + 0.6 * lamp)[..., None] * [0.45, 0.6, 0.9] * surface.raster.covered[..., None]
    return np.clip(255 * linear ** (1 / 2.2) + 0.5, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def surface():
    return ellipsoid()


def solve(surface, image, occlusion, step=1):
    return ShapeFromShading(step)(Crop(image, CAMERA, np.eye(3)), surface, occlusion)


def test_wrinkles_are_recovered_from_their_shading(surface):
    truth = wrinkles(surface.raster.covered)
    occlusion = np.where(surface.facing > 0.2, VISIBLE, NOT_FACE)
    found = solve(surface, photograph(surface, truth), occlusion)
    where = np.abs(truth) > 5e-5
    assert np.corrcoef(found[where], truth[where])[0, 1] > 0.75
    assert 0.5 < np.std(found[where]) / np.std(truth[where]) < 1.3


def test_every_other_pixel_tells_nearly_the_same(surface):
    truth = wrinkles(surface.raster.covered)
    image, occlusion = photograph(surface, truth), np.where(surface.facing > 0.2, VISIBLE, NOT_FACE)
    fine, coarse = (solve(surface, image, occlusion, step) for step in (1, 2))
    where = np.abs(truth) > 5e-5
    assert coarse.shape == fine.shape and np.corrcoef(fine[where], coarse[where])[0, 1] > 0.9
    assert np.abs(coarse[where]).mean() == pytest.approx(np.abs(fine[where]).mean(), rel=0.25)


def test_a_smooth_surface_has_no_bump(surface):
    occlusion = np.where(surface.facing > 0.2, VISIBLE, NOT_FACE)
    found = solve(surface, photograph(surface, np.zeros((512, 512), np.float32)), occlusion)
    assert np.abs(found[surface.facing > 0.4]).mean() < 1e-4


def test_the_bump_fades_out_where_an_object_hides_the_face(surface):
    truth = wrinkles(surface.raster.covered)
    image = photograph(surface, truth)
    occlusion = np.where(surface.facing > 0.2, VISIBLE, NOT_FACE)
    image[200:320, 180:330], occlusion[200:320, 180:330] = 10, HIDDEN
    found = solve(surface, image, occlusion)
    assert np.abs(found[220:300, 200:310]).max() < 2e-5
    seam = np.abs(np.diff(found, axis=0))[195:325, 180:330].max()
    assert seam < 2.5e-4  # no cliff


def test_paint_is_not_taken_for_shape(surface):
    image = photograph(surface, np.zeros((512, 512), np.float32))
    red = image.copy()
    cv2.circle(red, (256, 250), 12, (90, 100, 190), -1)  # a blemish of another colour
    dark = image.copy()
    cv2.circle(dark, (256, 250), 12, tuple(int(c) for c in image[250, 256] * 0.8), -1)  # as dark, but of the same hue
    occlusion = np.where(surface.facing > 0.2, VISIBLE, NOT_FACE)
    assert np.abs(solve(surface, red, occlusion)).max() < np.abs(solve(surface, dark, occlusion)).max()


def test_no_skin_gives_no_bump(surface):
    assert not solve(surface, photograph(surface, 0), np.zeros((512, 512), np.uint8)).any()


def test_the_published_encoding():
    levels = encode(np.array([0.0, 5.2e-5, 5.3e-5, 1.0417e-4, 1.25e-3, -1.25e-3, 1.0, -1.0]))
    np.testing.assert_array_equal(levels, [127, 127, 128, 128, 139, 115, 255, 0])
