"""A person's bump map over time."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from face_scenes import MODEL, covered, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.records import NOT_FACE, VISIBLE
from extreme3d_ros.stages.bump_memory import BumpMemory
from extreme3d_ros.stages.layers import layered
from extreme3d_ros.stages.unwrapping import Unwrapping

UNWRAPPING = Unwrapping(MODEL)
CALM = np.zeros(len(MODEL.expression_modes), np.float32)
#: The scatter of a frame's bump, metres, and its width, pixels: so wide that texels can carry it.
NOISE, WIDTH = 5e-5, 5.0


def relief(vertices):
    """Smooth, of 0.3 mm and no symmetry."""
    return 3e-4 * np.sin(vertices[:, 0] / 0.012 + 0.4) * np.cos(vertices[:, 1] / 0.015)


CROP, FOUNDATION, SURFACE, TRUE = scene(0, relief)
INSIDE = np.zeros((512, 512), bool)
INSIDE[180:380, 180:330] = (TRUE.occlusion == VISIBLE)[180:380, 180:330]


def noisy(rng, layers=TRUE):
    noise = cv2.GaussianBlur(rng.normal(0, NOISE * WIDTH * np.sqrt(4 * np.pi), (512, 512)), (0, 0), WIDTH)
    return replace(layers, bump=np.where(layers.occlusion == VISIBLE, layers.bump + noise, 0).astype(np.float32))


def seen_by(memory, layers, expression=CALM):
    return memory(CROP, FOUNDATION, expression, SURFACE, layers)


def off(layers, truth=TRUE, where=INSIDE):
    return np.sqrt(np.mean((layers.bump - truth.bump)[where] ** 2))


def settled(rng, frames=30, expression=CALM):
    memory = BumpMemory(UNWRAPPING)
    for _ in range(frames):
        last = seen_by(memory, noisy(rng), expression)
    return memory, last


def strongest(region):
    """Of the modes the one that moves a region (V,) bool the most, by 8 mm: the expression (E,), and by how much it
    moves each vertex (V,), metres."""
    moves = np.linalg.norm(MODEL.expression_modes, axis=2)
    mode = np.argmax(moves[:, region].max(1))
    strength = 8e-3 / moves[mode, region].max()
    return strength * np.eye(len(moves), dtype=np.float32)[mode], strength * moves[mode]


def test_the_first_frame_is_as_it_was():
    first = noisy(np.random.default_rng(0))
    np.testing.assert_array_equal(seen_by(BumpMemory(UNWRAPPING), first).bump, first.bump)


def test_frames_that_are_all_alike_stay_as_they_are():
    memory = BumpMemory(UNWRAPPING)
    for _ in range(5):
        last = seen_by(memory, TRUE)
    np.testing.assert_allclose(last.bump, TRUE.bump, atol=1e-9)


def test_noise_falls_as_that_of_a_running_mean():
    rng = np.random.default_rng(1)
    single, (_, last) = off(noisy(rng)), settled(rng, 60)
    # The variance of an exponential mean with a weight of 1/N a frame is 1 / (2N - 1) of a frame's.
    assert 0.8 < off(last) / single * np.sqrt(29) < 1.25


@pytest.mark.parametrize("frames", [2, 4])
def test_noise_falls_with_the_number_of_frames(frames):
    rng = np.random.default_rng(2)
    single, (_, last) = off(noisy(rng)), settled(rng, frames)
    assert 0.85 < off(last) / single * np.sqrt(frames) < 1.2


def test_what_texels_cannot_carry_stays_the_frame_s_own():
    memory, _ = settled(np.random.default_rng(3))
    grain = 1e-4 * (np.indices((512, 512)).sum(0) % 2 * 2 - 1)
    fine = replace(TRUE, bump=np.where(TRUE.occlusion == VISIBLE, TRUE.bump + grain, 0).astype(np.float32))
    kept = seen_by(memory, fine).bump - TRUE.bump
    assert np.mean((kept * grain)[INSIDE]) > 0.9 * 1e-8


def test_what_a_hand_hides_is_remembered():
    rng = np.random.default_rng(4)
    memory, before = settled(rng)
    cheek = np.zeros((512, 512), bool)
    cheek[240:330, 270:340] = True
    hidden, where = covered(TRUE, cheek)
    for _ in range(10):
        assert not seen_by(memory, hidden).bump[where].any()
    assert off(seen_by(memory, noisy(rng)), where=where & INSIDE) < 1.3 * off(before, where=where & INSIDE)


def test_the_fade_beside_a_hand_leaves_the_memory_alone():
    memory, _ = settled(np.random.default_rng(5))
    hidden, where = covered(TRUE, np.arange(512)[None] >= np.full((512, 1), 260))
    faded = layered(hidden.bump, hidden.occlusion)
    beside = INSIDE & (np.arange(512) > 253) & ~where
    for _ in range(3):
        last = seen_by(memory, faded)
    assert off(last, where=beside) < 0.4 * off(faded, where=beside)


def test_another_expression_forgets_only_where_it_moves_the_skin():
    rng = np.random.default_rng(6)
    chin = MODEL.mean[:, 1] < MODEL.mean[:, 1].min() + 0.02
    expression, moves = strongest(chin)
    pixels = SURFACE.raster.interpolate(MODEL.faces, moves[:, None].astype(np.float32))[..., 0]
    memory, _ = settled(rng)
    frame = noisy(rng)
    last = seen_by(memory, frame, expression)
    moved, still = (SURFACE.facing > 0.8) & (pixels > 5e-3), (SURFACE.facing > 0.8) & (pixels < 2e-4)
    assert moved.sum() > 500 and still.sum() > 500
    assert off(last, frame, moved) < 0.1 * off(frame, TRUE, moved)
    assert off(last, TRUE, still) < 0.5 * off(frame, TRUE, still)


def with_mole(row):
    """The true layers and a mole of 0.6 mm, 6 mm wide."""
    y, x = np.indices((512, 512)) - np.array([row, 200])[:, None, None]
    return replace(TRUE, bump=TRUE.bump + (6e-4 * np.exp(-(x**2 + y**2) / 72)).astype(np.float32))


def test_a_mole_that_jumps_leaves_no_ghost():
    memory = BumpMemory(UNWRAPPING)
    for _ in range(20):
        seen_by(memory, with_mole(300))
    moved = with_mole(316)
    ghosts = [np.abs(seen_by(memory, moved).bump - moved.bump) for _ in range(10)]
    assert ghosts[0][[300, 316], 200].max() < 3e-5  # neither where it was nor where it is; its slopes take longer
    assert ghosts[0][INSIDE].max() < 3e-4 and ghosts[-1][INSIDE].max() < 1e-4


def test_persons_share_the_unwrapping_but_nothing_else():
    settled(np.random.default_rng(10))
    frame = noisy(np.random.default_rng(11))
    np.testing.assert_array_equal(seen_by(BumpMemory(UNWRAPPING), frame).bump, frame.bump)


def test_a_turning_head_keeps_its_relief():
    memory, rng = BumpMemory(UNWRAPPING), np.random.default_rng(12)
    for yaw in range(-10, 11, 2):
        crop, foundation, surface, truth = scene(yaw, relief)
        frame = noisy(rng, truth)
        last = memory(crop, foundation, CALM, surface, frame)
    straight = surface.facing > 0.8
    assert off(last, truth, straight) < 0.5 * off(frame, truth, straight)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_any_masks_and_expressions_leave_finite_bumps_and_their_labels(seed):
    rng = np.random.default_rng(seed)
    memory = BumpMemory(UNWRAPPING)
    for _ in range(4):
        gone = np.kron(rng.random((16, 16)) < rng.random(), np.ones((32, 32), bool))
        labels = np.where(gone, NOT_FACE, TRUE.occlusion).astype(np.uint8)
        bump = np.where(labels == VISIBLE, TRUE.bump + rng.normal(0, 1e-3), 0).astype(np.float32)
        frame = replace(TRUE, bump=bump, occlusion=labels)
        last = seen_by(memory, frame, rng.normal(0, rng.random() * 3, len(CALM)))
        assert np.isfinite(last.bump).all() and not last.bump[labels != VISIBLE].any()
        assert last.occlusion is frame.occlusion
        assert np.abs(last.bump).max() < 0.02


@given(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3))
@settings(max_examples=15, deadline=None)
def test_a_blend_lies_between_what_was_seen(one, other):
    memory, flat = BumpMemory(UNWRAPPING), (SURFACE.facing > 0.95) & INSIDE
    for height in (one, other):
        bump = np.where(TRUE.occlusion == VISIBLE, height / np.maximum(SURFACE.facing, 0.3), 0).astype(np.float32)
        last = seen_by(memory, replace(TRUE, bump=bump))
    heights = (last.bump * SURFACE.facing)[flat]
    assert heights.min() > min(one, other) - 1e-5 and heights.max() < max(one, other) + 1e-5
