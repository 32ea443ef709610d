"""Soft symmetry by a Poisson solve, on a posed foundation with a known bump."""

import numpy as np
import pytest
from face_scenes import CAMERA, MODEL, RASTER, cheek_bumps, covered, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from benchmarks.cross_fade import CrossFade
from extreme3d_ros.face_model.topology import dense_topology, sparse_topology
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.records import Foundation
from extreme3d_ros.stages.soft_symmetry import SoftSymmetry, likeness, residual_motion

DENSE = dense_topology(MODEL)
COMPLETE = SoftSymmetry(DENSE)
MEAN = DENSE.from_foundation @ MODEL.mean
NORMALS = vertex_normals(MEAN, DENSE.faces)
REFLECT = np.array([-1.0, 1.0, 1.0])


def completed(yaw, height=lambda v: 0 * v[:, 0], complete=COMPLETE):
    crop, foundation, surface, layers = scene(yaw, height)
    return foundation, complete(crop, foundation, layers.bump, layers.occlusion, surface)


def displacement(foundation, detailed):
    return foundation.to_model(detailed.vertices) - MEAN


def test_what_is_surely_seen_moves_along_its_rays_by_exactly_its_bump():
    foundation, detailed = completed(30, lambda v: 1e-3 * np.ones(len(v)))
    base = DENSE.from_foundation @ foundation.vertices
    sure = detailed.share == 1
    assert sure.mean() > 0.3
    off = np.abs((base - detailed.vertices)[sure, 2] - 1e-3)
    assert np.quantile(off, 0.999) < 1e-5  # a few look past the rim of a nostril at pixels of no bump
    np.testing.assert_allclose(CAMERA.project(detailed.vertices[sure]), CAMERA.project(base[sure]), atol=0.01)


@settings(max_examples=8, deadline=None)
@given(st.floats(-80, 80))
def test_no_bump_leaves_the_foundation(yaw):
    foundation, detailed = completed(yaw)
    np.testing.assert_allclose(detailed.vertices, DENSE.from_foundation @ foundation.vertices, atol=1e-6)


@pytest.mark.parametrize("topology", [sparse_topology, dense_topology])
def test_the_side_turned_away_takes_its_twins_detail(topology):
    topology = topology(MODEL)
    foundation, detailed = completed(50, cheek_bumps, SoftSymmetry(topology))
    moved = foundation.to_model(detailed.vertices) - topology.from_foundation @ MODEL.mean
    unseen = (detailed.share == 0) & (detailed.share[topology.mirror] == 1)
    assert unseen.sum() > 200
    twin = moved[topology.mirror[unseen]] * REFLECT
    lent = np.sum(moved[unseen] * twin) / np.sum(twin * twin)
    assert 0.5 < lent <= 1  # both sides show too little of the bumps to say how like they are
    assert np.linalg.norm(moved[unseen], axis=1).max() > 1e-3  # the hidden cheek has its bump
    assert np.abs(moved[unseen] - lent * twin).max() < 3e-4


def test_the_transition_is_smoother_than_a_cross_fade():
    crop, foundation, surface, layers = scene(50, cheek_bumps)
    bump = layers.bump + 1e-3 * (crop.camera.rays(np.argwhere(layers.bump > -1)[:, ::-1])[:, 0] < 0).reshape(512, 512)
    ours, faded = (
        of(crop, foundation, bump.astype(np.float32), layers.occlusion, surface) for of in (COMPLETE, CrossFade(DENSE))
    )
    between = ((ours.share > 0) & (ours.share < 1))[DENSE.edges].any(1)
    steps = [
        np.linalg.norm(np.diff(displacement(foundation, of)[DENSE.edges[between]], axis=1), axis=2)
        for of in (ours, faded)
    ]
    assert np.square(steps[0]).sum() < np.square(steps[1]).sum()


def test_where_neither_side_is_seen_the_foundation_stays():
    foundation, detailed = completed(0, lambda v: 1e-3 * np.ones(len(v)))
    away = (detailed.share == 0) & (detailed.share[DENSE.mirror] == 0)
    near = away.copy()
    for _ in range(12):  # edges, some reaches
        near[np.unique(DENSE.edges[~near[DENSE.edges].all(1)])] = False
    assert near.any()
    assert np.linalg.norm(displacement(foundation, detailed)[near], axis=1).max() < 3e-5


def test_unlike_halves_lend_each_other_little():
    def height(v):
        lumps = np.sin(v @ [900, 400, 0] + 1) + np.sin(v @ [-500, 1100, 0])
        return 3e-4 * lumps * np.sign(np.sin(700 * v[:, 0]) + 1e-9)

    foundation, detailed = completed(35, height)
    moved = displacement(foundation, detailed)
    unseen = (detailed.share == 0) & (detailed.share[DENSE.mirror] == 1)
    lent = np.linalg.norm(moved[unseen]) / np.linalg.norm(moved[DENSE.mirror[unseen]])
    assert lent < 0.5


def test_what_an_object_hides_has_no_colour_of_its_own_but_its_filled_bump():
    crop, foundation, surface, layers = scene(0)
    left = np.zeros((512, 512), bool)
    left[:, 262:] = True
    hidden, _ = covered(layers, left)
    detailed = COMPLETE(crop, foundation, hidden.bump, hidden.occlusion, surface)
    right = MEAN[:, 0] * (detailed.pixels[:, 0] > 280).astype(float) != 0
    assert (detailed.skin[right] == 0).all()
    assert (detailed.share[right] == 1).mean() > 0.3


@pytest.mark.parametrize("yaw", [35, 80])  # at 80 degrees one half alone is seen
def test_a_head_off_its_plane_of_symmetry_is_moved_back(yaw):
    """The bump of a foundation turned by 2 degrees from the face that is seen."""
    crop, truth, _, _ = scene(yaw)
    turned = Rotation.from_euler("y", 2, degrees=True).as_matrix()
    R = truth.R @ turned
    foundation = Foundation((MODEL.mean @ R.T + truth.t).astype(np.float32), R, truth.t)
    surface, true_surface = RASTER(foundation, crop), RASTER(truth, crop)
    both = surface.raster.covered & true_surface.raster.covered
    bump = np.where(both, surface.raster.depth, 0) - np.where(both, true_surface.raster.depth, 0)
    occlusion = np.where(both, np.where(surface.facing > 0.17, 1, 3), 0).astype(np.uint8)
    bump[np.abs(bump) > 5e-3] = 0
    detailed = COMPLETE(crop, foundation, bump, occlusion, surface)
    true = DENSE.from_foundation @ truth.vertices
    outwards, unseen = vertex_normals(true, DENSE.faces), detailed.share == 0

    def off(vertices):
        return np.abs(np.sum((vertices - true) * outwards, axis=1))[unseen].mean()

    assert off(detailed.vertices) < 0.4 * off(DENSE.from_foundation @ foundation.vertices)


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(-2e-3, 2e-3))
def test_a_motion_of_the_plane_of_symmetry_is_found(yaw, roll, shift):
    gap = np.cross([0, yaw, roll], MEAN) + [shift, 0, 0]
    found = residual_motion(MEAN, NORMALS, gap, np.ones(len(MEAN)))
    np.testing.assert_allclose(found, gap, atol=0.02 * np.abs(gap).max() + 1e-6)


def test_lumps_are_no_motion():
    lumps = 5e-4 * np.sin(MEAN @ [300, 200, 100])[:, None] * NORMALS
    assert np.abs(residual_motion(MEAN, NORMALS, lumps, np.ones(len(MEAN)))).max() == 0


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_likeness_is_the_part_that_both_sides_share(part):
    random = np.random.default_rng(0)
    twin = random.normal(0, 2e-4, len(MEAN))
    own = part * twin + np.sqrt(1 - part**2) * random.normal(0, 2e-4, len(MEAN))
    found = likeness(MEAN, NORMALS, own[:, None] * NORMALS, twin[:, None] * NORMALS, np.ones(len(MEAN)))
    assert found == pytest.approx(part, abs=0.05)


def test_the_likeness_of_what_nobody_sees_twice_is_the_usual():
    zero = np.zeros_like(MEAN)
    assert 0.3 < likeness(MEAN, NORMALS, zero, zero, np.zeros(len(MEAN))) < 0.9
