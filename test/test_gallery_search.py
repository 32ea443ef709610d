"""What a gallery is searched by: viewpoints, and the search itself."""

import json

import numpy as np
import pytest
from gallery_samples import FLIP, MODEL, SIZE, entries, posed, unit, write
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.geometry.directions import yaw_and_pitch
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.search import Match
from extreme3d_ros.references.viewpoint import direction_of


class TestSearch:
    FRONT, LEFT = unit([0, 0, 1]), unit([1, 0, 1])

    def of(self, tmp_path, *pairs):
        skin = np.zeros((SIZE, SIZE), np.float32)
        return Gallery(write(tmp_path / "g", [(skin, *map(unit, pair)) for pair in pairs]))

    def test_the_most_alike_of_those_near_in_viewpoint(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]), ([0, 1, 1], [0.1, 1]))
        match = gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]))[0]
        assert (match.index, match.similarity) == (1, 1.0)

    def test_k_keeps_the_others_out(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]))
        # The front one and its twin are the two nearest.
        assert gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]), k=2)[0].index == 0
        assert gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]), k=3)[0].index == 1

    def test_a_twin_wins_by_its_viewpoint_and_the_mirrored_feature(self, tmp_path):
        gallery = self.of(tmp_path, ([-1, 0, 1], [1, 0]), ([1, 0, 1], [0, 1]))
        match = gallery.alike(self.LEFT, unit([0.1, 1]), unit([1, 0]))[0]
        assert (match.index, match.mirrored) == (0, True)
        assert match.similarity == pytest.approx(1)
        match = gallery.alike(self.LEFT, unit([0.1, 1]), unit([1, -1]))[0]
        assert (match.index, match.mirrored) == (1, False)

    def test_of_equals_the_nearer_one(self, tmp_path):
        gallery = self.of(tmp_path, ([2, 0, 1], [1, 0]), ([0.9, 0, 1], [1, 0]), ([-1, 0.5, 1], [1, 0]))
        match = gallery.alike(self.LEFT, unit([1, 0]), unit([1, 0]))[0]
        assert (match.index, match.mirrored) == (1, False)

    def test_several_come_in_the_order_of_their_likeness(self, tmp_path):
        pairs = [([0.01 * n, 0, 1], [np.cos(a), np.sin(a)]) for n, a in enumerate((0.9, 0.1, 0.5))]
        gallery = self.of(tmp_path, *pairs)
        assert [match.index for match in gallery.alike(self.FRONT, unit([1, 0]), unit([-1, 0]), count=2)] == [1, 2]

    def test_a_mean_skin_is_of_those_that_show_the_texel(self, tmp_path):
        skins = np.full((2, SIZE, SIZE), np.nan, np.float32)
        skins[0, :, 0], skins[1, :, 0], skins[1, :, 2] = 1e-3, 3e-3, 5e-3
        gallery = Gallery(write(tmp_path / "g", [(skin, self.FRONT, unit([1, 0])) for skin in skins]))
        straight, twins = (gallery.mean_skin([Match(n, twin, 1.0) for n in (0, 1)]) for twin in (False, True))
        np.testing.assert_allclose(straight[0, :3], [2e-3, np.nan, 5e-3], rtol=1e-5)
        np.testing.assert_array_equal(twins, straight[:, ::-1])

    def test_an_empty_gallery_has_none(self, tmp_path):
        write(tmp_path, entries(1))
        path = tmp_path / "gallery.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "parts": []}))
        gallery = Gallery(tmp_path)
        assert len(gallery) == 0 and gallery.alike(self.FRONT, np.ones(6), np.ones(6)) == []

    @given(st.integers(1, 40), st.integers(1, 90), st.integers(0, 10**6))
    @settings(max_examples=25)
    def test_is_that_of_all_pairs(self, tmp_path_factory, count, k, seed):
        made = entries(count, size=2, seed=seed)
        gallery = Gallery(write(tmp_path_factory.mktemp("g"), made, size=2))
        _, direction, feature = entries(1, seed=seed + 1)[0]
        mirrored = feature[::-1].copy()
        directions, features = np.stack([e[1] for e in made]), np.stack([e[2] for e in made]).astype(np.float16)
        angles = np.concatenate([directions @ direction, directions * FLIP @ direction])
        alike = np.concatenate([features @ feature, features @ mirrored])
        near = np.argsort(-angles, kind="stable")[:k]
        best = near[np.argmax(alike[near])]
        match = gallery.alike(direction, feature, mirrored, k)[0]
        assert match.similarity == pytest.approx(alike[best], abs=1e-5)
        assert (match.index, match.mirrored) == (best % count, best >= count)

    def test_a_feature_that_is_not_finite_is_never_the_best(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]))
        for bad in (np.nan, np.inf):
            np.save(tmp_path / "g/part-00000/features.npy", np.float16([[bad, bad], [0, 1]]))
            gallery = Gallery(tmp_path / "g")
            assert gallery.alike(self.FRONT, unit([1, 1]), unit([1, 1]))[0].index == 1


class TestViewpoint:
    def test_from_the_front(self):
        np.testing.assert_allclose(direction_of(posed(MODEL.mean, t=(0, 0, 0.7))), [0, 0, 1], atol=1e-6)

    def test_a_head_that_turns_to_its_left_is_seen_from_its_right(self):
        direction = direction_of(posed(MODEL.mean, yaw=30, t=(0, 0, 0.7)))
        assert np.degrees(yaw_and_pitch(direction)[0]) == pytest.approx(-30, abs=1e-3)
        assert direction.dtype == np.float32 and np.linalg.norm(direction) == pytest.approx(1)

    def test_roll_changes_nothing(self):
        one, other = (direction_of(posed(MODEL.mean, 20, 10, roll, (0, 0, 0.7))) for roll in (0, 40))
        np.testing.assert_allclose(one, other, atol=1e-6)

    def test_the_mirrored_head_has_the_opposite_x(self):
        one, other = (
            direction_of(posed(MODEL.mean, 20, 10)),
            direction_of(posed(MODEL.mean, -20, 10, t=(-0.03, -0.02, 0.7))),
        )
        np.testing.assert_allclose(other, one * FLIP, atol=1e-6)
