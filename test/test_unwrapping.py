"""Bumps in the face model's texture space, and back on a crop."""

import numpy as np
import pytest
from face_scenes import MODEL, scene

from extreme3d_ros.face_model.model import SKIN
from extreme3d_ros.records import VISIBLE
from extreme3d_ros.stages.unwrapping import Unwrapping

UNWRAPPING = Unwrapping(MODEL)


def relief(vertices):
    """Smooth, of 1 mm and no symmetry."""
    return 1e-3 * np.sin(vertices[:, 0] / 0.015 + 0.4) * np.cos(vertices[:, 1] / 0.018)


def unwrapped(yaw, height=relief, visible=lambda layers: layers.occlusion == VISIBLE):
    crop, foundation, surface, layers = scene(yaw, height)
    return UNWRAPPING(foundation, crop, surface, layers.bump, visible(layers)), surface, layers


def rms(values):
    return np.sqrt(np.mean(values**2))


@pytest.mark.parametrize("yaw", [0, 35])
def test_a_smooth_bump_comes_back(yaw):
    skin, surface, layers = unwrapped(yaw)
    back = UNWRAPPING.laid_on(skin, surface)
    seen = surface.facing > 0.3
    both = np.isfinite(back) & seen
    assert both.sum() > 0.95 * seen.sum()
    assert rms((back - layers.bump)[both]) < 0.03 * rms(layers.bump[both])


def test_a_texel_is_the_same_spot_from_any_side():
    known, *_ = unwrapped(0)
    crop, foundation, surface, layers = scene(30)
    bump = np.nan_to_num(UNWRAPPING.laid_on(known, surface))
    again = UNWRAPPING(foundation, crop, surface, bump, layers.occlusion == VISIBLE)
    off = np.abs(again - known)[np.isfinite(again) & np.isfinite(known)]
    assert len(off) > 20_000 and np.quantile(off, 0.97) < 3e-5


def test_a_skin_is_height_along_the_normal():
    skin, surface, layers = unwrapped(0, lambda v: 1e-3 * np.ones(len(v)))
    front = np.all(surface.normals[..., 2:] < -0.98, axis=2)
    assert np.nanmax(skin) <= 1e-3 + 1e-9 and np.nanmin(skin) > 0.29e-3
    back = UNWRAPPING.laid_on(skin, surface, front)
    assert np.quantile(np.abs(back[np.isfinite(back)] - 1e-3), 0.98) < 3e-5


def test_the_mirrored_face_has_the_mirrored_skin():
    skin, *_ = unwrapped(0)
    other, *_ = unwrapped(0, lambda v: relief(v * [-1, 1, 1]))
    both = np.isfinite(skin) & np.isfinite(other[:, ::-1])
    assert both.sum() > 0.98 * np.isfinite(skin).sum()
    assert np.quantile(np.abs(skin - other[:, ::-1])[both], 0.99) < 1e-5


def test_the_hidden_and_the_averted_stay_unknown():
    whole, *_ = unwrapped(0)
    half, *_ = unwrapped(0, visible=lambda layers: (layers.occlusion == VISIBLE) & (np.arange(512) < 256))
    assert np.isfinite(half).sum() < 0.55 * np.isfinite(whole).sum()
    np.testing.assert_array_equal(half[np.isfinite(half)], whole[np.isfinite(half)])
    turned, *_ = unwrapped(60)
    halves = np.isfinite(turned[:, :128]).sum(), np.isfinite(turned[:, 128:]).sum()
    assert min(halves) < 0.35 * max(halves)
    none, *_ = unwrapped(0, visible=lambda layers: np.zeros((512, 512), bool))
    assert np.isnan(none).all()


def test_the_cheek_behind_the_nose_takes_nothing_of_the_nose():
    nose = MODEL.mean[MODEL.regions == SKIN]
    tip = nose[np.argmax(nose[:, 2])]
    skin, *_ = unwrapped(45, lambda v: 1e-3 * (np.linalg.norm(v - tip, axis=1) < 0.012))
    straight, *_ = unwrapped(0, lambda v: 1e-3 * (np.linalg.norm(v - tip, axis=1) < 0.012))
    far = np.isfinite(skin) & (straight == 0)
    assert far.sum() > 10_000 and np.quantile(skin[far], 0.999) < 2e-4


def test_unknown_texels_lend_nothing_to_their_neighbours():
    skin, surface, _ = unwrapped(0, lambda v: 1e-3 * np.ones(len(v)))
    holes = skin.copy()
    holes[::7, ::7] = np.nan
    whole, back = UNWRAPPING.laid_on(skin, surface), UNWRAPPING.laid_on(holes, surface)
    known = np.isfinite(back) & np.isfinite(whole)
    assert np.isfinite(back).sum() < np.isfinite(whole).sum()
    assert np.quantile(np.abs(back - whole)[known], 0.99) < 1e-4


def test_only_what_is_wanted_is_laid():
    skin, surface, _ = unwrapped(0)
    where = np.zeros((512, 512), bool)
    where[200:300, 100:400] = True
    part, whole = UNWRAPPING.laid_on(skin, surface, where), UNWRAPPING.laid_on(skin, surface)
    np.testing.assert_array_equal(part[where], whole[where])
    assert np.isnan(part[~where]).all()


def test_a_gallery_s_skin_may_have_another_size():
    skin, surface, _ = unwrapped(0)
    large = np.kron(skin, np.ones((2, 2), np.float32))
    back, fine = UNWRAPPING.laid_on(skin, surface), UNWRAPPING.laid_on(large, surface)
    both = np.isfinite(back) & np.isfinite(fine)
    assert np.quantile(np.abs(back - fine)[both], 0.97) < 2e-5


def test_a_texel_weighs_what_its_pixels_are_trusted_times_their_facing():
    crop, foundation, surface, layers = scene(20, relief)
    half = np.where(layers.occlusion == VISIBLE, np.float32(0.5), np.float32(0))
    skin, weight = UNWRAPPING.trusted(foundation, crop, surface, layers.bump, half)
    np.testing.assert_array_equal(skin, unwrapped(20)[0])
    np.testing.assert_array_equal(weight > 0, np.isfinite(skin))
    back = UNWRAPPING.laid_on(np.where(weight > 0, weight, np.nan), surface)
    seen = np.isfinite(back) & (surface.facing > 0.4)
    assert np.quantile(np.abs(back * surface.facing - 0.5 * surface.facing)[seen], 0.95) < 0.02


def test_what_is_added_is_what_would_be_laid():
    skin, surface, layers = unwrapped(0)
    where = (layers.occlusion == VISIBLE) & (np.arange(512) > 250)
    laid = UNWRAPPING.laid_on(skin, surface, where)
    known, before = np.isfinite(laid), layers.bump.copy()
    sum_of_both = UNWRAPPING.added(layers.bump, skin, surface, where)
    np.testing.assert_array_equal(sum_of_both[known], (layers.bump + laid)[known])
    np.testing.assert_array_equal(sum_of_both[~known], layers.bump[~known])
    np.testing.assert_array_equal(layers.bump, before)


def test_vertices_lend_their_values_to_texels():
    values = UNWRAPPING.of_vertices(MODEL.uv[:, 0].astype(np.float32))
    middles = np.broadcast_to((np.arange(256, dtype=np.float32) + 0.5) / 256, (256, 256))
    inside = values > 0
    assert inside.sum() > 50_000
    np.testing.assert_allclose(values[inside], middles[inside], atol=1e-5)
