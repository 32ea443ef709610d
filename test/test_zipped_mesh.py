"""The zippered mesh: sound, and continuous where the pixels' part meets the completed mesh."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from face_scenes import CAMERA, MODEL, RASTER, covered, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_soundness import assert_sound, rim, same_edges
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from extreme3d_ros.face_model.topology import dense_topology
from extreme3d_ros.geometry.raster import rasterize
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Foundation, Layers
from extreme3d_ros.stages.occlusion import GRAZING
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry
from extreme3d_ros.stages.zipped_mesh import ZippedMesh
from extreme3d_ros.stages.zipper import finish

TOPOLOGY = dense_topology(MODEL)
SYMMETRY = SoftSymmetry(TOPOLOGY)
ZIPPED = ZippedMesh(MODEL, TOPOLOGY)


def noise(seed, width):
    values = gaussian_filter(np.random.default_rng(seed).normal(size=(512, 512)), width)
    return (values / values.std()).astype(np.float32)


def both(crop, foundation, surface, layers):
    """The mesh of fixed triangles, the zippered one, and what soft symmetry says."""
    detailed = SYMMETRY(crop, foundation, layers.bump, layers.occlusion, surface)
    fixed = finish(detailed, TOPOLOGY, crop)
    return fixed, ZIPPED(crop, layers.bump, layers.occlusion, detailed, fixed), detailed


def wrinkles(vertices):
    return 3e-4 * np.sin(2 * np.pi * vertices[:, 0] / 6e-3) * np.sin(2 * np.pi * vertices[:, 1] / 4e-3)


def turns(mesh):
    return np.degrees(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).face_adjacency_angles)


@settings(max_examples=6)
@given(st.floats(-75, 75), st.floats(-20, 20), st.integers(0, 10_000), st.floats(2, 30), st.floats(0.2, 1))
def test_any_pose_expression_bump_and_mask_gives_one_sound_mesh(yaw, pitch, seed, width, share):
    R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("xy", [pitch, yaw], degrees=True).as_matrix()
    t = np.array([0.0, 0.0, 0.7])
    expression = np.random.default_rng(seed).uniform(-1, 2, MODEL.expression_modes.shape[0]).astype(np.float32)
    foundation = Foundation((MODEL.vertices(np.zeros(0), expression) @ R.T + t).astype(np.float32), R, t)
    crop = Crop(np.full((512, 512, 3), 128, np.uint8), CAMERA, np.eye(3))
    surface = RASTER(foundation, crop)
    hole = noise(seed, width)
    side = (surface.facing > GRAZING) & (hole < np.quantile(hole, share))
    labels = np.where(side, np.where(noise(seed + 1, 20) > 1, HIDDEN, VISIBLE), TURNED_AWAY)
    labels = np.where(surface.raster.covered, labels, NOT_FACE).astype(np.uint8)
    bump = 3e-4 * noise(seed + 2, 3) * surface.raster.covered
    fixed, zipped, _ = both(crop, foundation, surface, Layers(bump, labels))
    assert_sound(zipped.vertices, zipped.faces, 1)
    assert same_edges(zipped.vertices, rim(zipped.faces), fixed.vertices, rim(TOPOLOGY.faces))
    np.testing.assert_allclose(np.linalg.norm(zipped.normals, axis=1), 1, atol=1e-5)
    assert len(zipped.colors) == len(zipped.seen) == len(zipped.vertices)


@pytest.mark.parametrize("yaw", [0, 45])
def test_where_the_image_sees_the_face_each_pixel_has_a_vertex_at_its_own_depth(yaw):
    crop, foundation, surface, layers = scene(yaw)
    bump = 3e-4 * noise(1, 1.5) * surface.raster.covered  # finer than the fixed triangles
    fixed, zipped, detailed = both(crop, foundation, surface, replace(layers, bump=bump))
    base = TOPOLOGY.from_foundation @ foundation.vertices
    smooth = rasterize(base, TOPOLOGY.faces, CAMERA)
    values = np.column_stack([detailed.share, ZIPPED._clear])
    sure = smooth.interpolate(TOPOLOGY.faces, values).min(-1) > 0.999
    true = (smooth.depth - bump)[sure]
    off = [np.abs(rasterize(m.vertices, m.faces, CAMERA).depth[sure] - true) for m in (fixed, zipped)]
    assert sure.sum() > 15_000
    assert np.quantile(off[1], 0.99) < 5e-6
    assert np.quantile(off[1], 0.99) < 0.1 * np.quantile(off[0], 0.99)
    assert len(zipped.vertices) > 1.3 * len(fixed.vertices)


@pytest.mark.parametrize("yaw", [0, 30, -60, 75])
def test_the_seam_makes_no_crease(yaw):
    crop, foundation, surface, layers = scene(yaw, wrinkles)
    fixed, zipped, _ = both(crop, foundation, surface, layers)
    mesh = trimesh.Trimesh(zipped.vertices, zipped.faces, process=False)
    kept = np.isin(zipped.vertices.view("V12"), fixed.vertices.view("V12")).ravel()
    of_patch = (~kept)[zipped.faces].sum(1)
    seam = ((of_patch > 0) & (of_patch < 3))[mesh.face_adjacency].any(1)
    assert seam.sum() > 2000
    assert np.quantile(np.degrees(mesh.face_adjacency_angles[seam]), 0.99) < np.quantile(turns(fixed), 0.99)


@pytest.mark.parametrize("yaw", [0, 50])
def test_the_seam_lies_on_the_completed_surface(yaw):
    crop, foundation, surface, layers = scene(yaw)
    bump = 3e-4 * noise(2, 2) * surface.raster.covered
    fixed, zipped, _ = both(crop, foundation, surface, replace(layers, bump=bump))
    kept = np.isin(zipped.vertices.view("V12"), fixed.vertices.view("V12")).ravel()
    of_patch = ~kept[zipped.faces]
    mixed = of_patch.any(1) & ~of_patch.all(1)
    border = np.unique(zipped.faces[mixed][of_patch[mixed]])
    x, y = np.rint(CAMERA.project(zipped.vertices[border].astype(float))).astype(int).T
    depth = rasterize(fixed.vertices, fixed.faces, CAMERA).depth[y, x]
    assert len(border) > 500
    assert np.abs(zipped.vertices[border, 2] - depth).max() < 2e-6


def test_what_an_object_hides_has_the_colour_of_the_completed_mesh_and_is_not_seen():
    crop, foundation, surface, layers = scene(0)
    layers, hidden = covered(layers, np.hypot(*(np.mgrid[:512, :512] - 300)) < 40)
    image = np.where(hidden[..., None], np.uint8(255), crop.image)
    fixed, zipped, _ = both(replace(crop, image=image), foundation, surface, layers)
    x, y = np.rint(CAMERA.project(zipped.vertices.astype(float))).astype(int).T
    under = hidden[y, x] & (zipped.vertices[:, 2] < surface.raster.depth[y, x] + 0.001)
    assert under.sum() > 3000
    assert not zipped.seen[under].any()
    off, off_fixed = (np.abs(colors.astype(int) - [180, 120, 90]).max(1) for colors in (zipped.colors, fixed.colors))
    assert off[under].max() <= off_fixed.max()
    assert np.mean(off[under] > 1) < 0.05
    assert zipped.seen.mean() > 0.5


def test_a_face_that_nothing_is_seen_of_keeps_its_triangles():
    crop, foundation, surface, layers = scene(0)
    fixed, zipped, _ = both(crop, foundation, surface, replace(layers, occlusion=np.zeros((512, 512), np.uint8)))
    np.testing.assert_array_equal(zipped.faces, fixed.faces)
    np.testing.assert_array_equal(zipped.vertices, fixed.vertices)
    np.testing.assert_array_equal(zipped.colors, fixed.colors)
