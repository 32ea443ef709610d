"""The zipper: one surface without flaws, whatever the dense patch looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_soundness import assert_sound, rim, same_edges
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from extreme3d_ros.geometry.zippering import Zipper


def quads(height, width, mask=None):
    """Vertices (N, 2) int (x, y) of a grid and its triangles, counter-clockwise, of vertices that the mask holds."""
    i = np.arange(height * width).reshape(height, width)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    y, x = np.mgrid[:height, :width]
    if mask is not None:
        faces = faces[mask.ravel()[faces].all(1)]
    return np.stack([x, y], -1).reshape(-1, 2), faces.astype(np.int32)


GRID, FLAT_FACES = quads(11, 11)
FLAT_UV = GRID / 10
FLAT = Zipper(FLAT_UV, FLAT_FACES)


def blobs(shape, seed, width, share):
    """A random mask with islands, holes and thin bridges."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)
    return noise > np.quantile(noise, 1 - share)


def lifted(uv):
    """Points of a wave over the chart."""
    return np.column_stack([uv, 0.05 * np.sin(5 * uv[:, 0])])


def assert_zipped(zipped, vertices, sparse_faces, euler):
    """A sound mesh whose rim is the sparse mesh's."""
    assert_sound(vertices, zipped.faces, euler)
    assert same_edges(vertices, rim(zipped.faces), lifted(FLAT_UV), rim(sparse_faces))


def chart_areas(uv, faces):
    a, b, c = (uv[corner] for corner in faces.T)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.3, 4),
    st.floats(0.02, 1),
    st.floats(-20, 20),
    st.sampled_from([0.0, 0.013, 0.05]),
    st.sampled_from([40, 61]),
)
def test_any_mask_gives_one_manifold_that_covers_the_chart_once(seed, width, share, turn, shift, fineness):
    mask = blobs((30, 30), seed, width, share)
    pixels, faces = quads(30, 30, mask)
    angle = np.radians(turn) if shift else 0.0  # without: vertices and edges lie on those of the sparse mesh
    uv = (pixels / fineness) @ Rotation.from_euler("z", angle).as_matrix()[:2, :2] + 0.2 + shift
    zipped = FLAT(lifted(FLAT_UV), lifted(uv), faces, pixels, uv)
    assert_zipped(zipped, zipped.carried(lifted(FLAT_UV), lifted(uv)), FLAT_FACES, 1)
    areas = chart_areas(zipped.carried(FLAT_UV, uv), zipped.faces)
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(1)


def test_the_patch_and_the_sparse_mesh_are_carried_as_they_are_and_share_the_seam_alone():
    pixels, faces = quads(30, 30)
    uv = pixels / 40 + 0.11
    zipped = FLAT(lifted(FLAT_UV), lifted(uv), faces, pixels, uv)
    count = len(FLAT_UV)
    of_patch = zipped.source >= count
    assert of_patch.sum() == len(uv) - 2  # two corners belong to triangles without a corner inside
    np.testing.assert_array_equal(zipped.carried(FLAT_UV, uv)[of_patch], uv[zipped.source[of_patch] - count])
    inside = (FLAT_UV > uv.min(0)).all(1) & (FLAT_UV < uv.max(0)).all(1)
    assert not inside[zipped.source[~of_patch]].any()
    mixed = (np.ptp(of_patch[zipped.faces].astype(int), axis=1) > 0)[:, None] & of_patch[zipped.faces]
    assert zipped.seam[zipped.faces[mixed]].all()
    at_edge = ((pixels == 0) | (pixels == 29)).any(1)
    np.testing.assert_array_equal(zipped.seam[of_patch], at_edge[zipped.source[of_patch] - count])


def test_an_opening_of_the_sparse_mesh_stays_open():
    centre = FLAT_UV[FLAT_FACES].mean(1)
    faces = FLAT_FACES[np.abs(centre - 0.45).max(1) > 0.06]
    pixels, dense = quads(30, 30)
    uv = pixels / 40 + 0.11
    zipped = Zipper(FLAT_UV, faces)(lifted(FLAT_UV), lifted(uv), dense, pixels, uv)
    assert (zipped.source >= len(FLAT_UV)).sum() > 400
    assert_zipped(zipped, zipped.carried(lifted(FLAT_UV), lifted(uv)), faces, 0)


def test_nothing_to_zip_leaves_the_sparse_mesh():
    pixels, faces = quads(30, 30)
    outside, turned_over, point = pixels / 40 + 2.0, pixels[:, ::-1] / 40 + 0.1, np.zeros((900, 2))
    for uv, patch in ((outside, faces), (turned_over, faces), (point, faces), (point[:0], faces[:0])):
        zipped = FLAT(lifted(FLAT_UV), lifted(uv), patch, pixels[: len(uv)], uv)
        np.testing.assert_array_equal(zipped.faces, FLAT_FACES)
        np.testing.assert_array_equal(zipped.source, np.arange(len(FLAT_UV)))


def test_a_patch_that_runs_over_itself_is_trimmed():
    pixels, faces = quads(60, 9)
    angle, radius = pixels[:, 1] * 0.13, 0.35 - pixels[:, 0] / 100  # a bit more than a full turn
    uv = 0.5 + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    zipped = FLAT(lifted(FLAT_UV), lifted(uv), faces, pixels, uv)
    assert_zipped(zipped, zipped.carried(lifted(FLAT_UV), lifted(uv)), FLAT_FACES, 1)


def test_a_chart_that_is_mirrored_does_as_well():
    pixels, faces = quads(30, 30)
    uv, flip = pixels / 41 + 0.13, [-1, 1]
    straight = FLAT(lifted(FLAT_UV), lifted(uv), faces, pixels, uv)
    mirrored = Zipper(FLAT_UV * flip, FLAT_FACES)(lifted(FLAT_UV), lifted(uv), faces, pixels, uv * flip)
    np.testing.assert_array_equal(straight.faces, mirrored.faces)


def test_a_chart_that_folds_over_is_refused():
    uv = FLAT_UV.copy()
    uv[60] += 0.3
    with pytest.raises(ValueError, match="injective"):
        Zipper(uv, FLAT_FACES)
