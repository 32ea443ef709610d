"""Features of identity, and the entries that they make of faces."""

from dataclasses import replace

import numpy as np
import pytest
from gallery_samples import FLIP, MODEL, coloured_crop, network, observation, posed, unit, unwrap

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.records import Crop, Foundation
from extreme3d_ros.references.build import EntryMaker, Unfit
from extreme3d_ros.references.identity import EmbeddingFeature, ShapeFeature
from extreme3d_ros.references.viewpoint import direction_of
from extreme3d_ros.stages.surface import SurfaceRaster
from extreme3d_ros.stages.unwrapping import Unwrapping


class TestShapeFeature:
    FEATURE = ShapeFeature(MODEL)

    def face(self, seed=0):
        rng = np.random.default_rng(seed)
        shape, expression = rng.normal(size=len(MODEL.shape_modes)), rng.normal(size=len(MODEL.expression_modes))
        return shape, MODEL.vertices(shape, expression)

    def test_recovers_the_shape_of_a_face_with_an_expression(self):
        for seed in range(5):
            shape, vertices = self.face(seed)
            feature = self.FEATURE(None, posed(vertices))
            assert feature.dtype == np.float32 and np.linalg.norm(feature) == pytest.approx(1, abs=1e-5)
            assert feature @ unit(shape) > 0.99

    def test_does_not_depend_on_the_pose(self):
        _, vertices = self.face()
        one, other = self.FEATURE(None, posed(vertices)), self.FEATURE(None, posed(vertices, 50, -20, 30, (0.3, 0, 2)))
        np.testing.assert_allclose(one, other, atol=1e-3)

    def test_the_mirrored_feature_is_that_of_the_mirrored_vertices(self):
        _, vertices = self.face()
        mirrored = self.FEATURE(None, posed(vertices[MODEL.mirror] * FLIP))
        np.testing.assert_allclose(self.FEATURE.mirrored(self.FEATURE(None, posed(vertices))), mirrored, atol=1e-4)

    def test_mirroring_our_own_model_s_shapes_only_changes_signs(self):
        basis = np.eye(len(MODEL.shape_modes), dtype=np.float32)
        mirrored = np.stack([self.FEATURE.mirrored(row) for row in basis])
        np.testing.assert_allclose(np.abs(mirrored), basis, atol=1e-5)
        assert {-1, 1} == set(np.rint(np.diag(mirrored)))

    def test_the_mean_face_has_none(self):
        R = np.diag([1.0, -1.0, -1.0])
        feature = self.FEATURE(None, Foundation((MODEL.mean @ R.T).astype(np.float32), R, np.zeros(3)))
        assert not feature.any() and not self.FEATURE.mirrored(feature).any()

    def test_another_face_model_has_another_name(self):
        other = replace(
            MODEL, name="other", shape_modes=MODEL.shape_modes[:3], expression_modes=MODEL.expression_modes[:2]
        )
        assert self.FEATURE.name == f"shape:{MODEL.name}" and ShapeFeature(other).name == "shape:other"


class TestEmbeddingFeature:
    @pytest.mark.parametrize(
        "shape, reduced", [((1, 3, 16, 16), (2, 3)), ((1, 20, 20, 3), (1, 2)), (("N", 3, 112, 112), (2, 3))]
    )
    def test_gives_rgb_of_the_crop_s_middle_at_unit_length(self, tmp_path, shape, reduced):
        feature = EmbeddingFeature(network(tmp_path / "n.onnx", shape, reduced=reduced))
        want = unit((np.float32([240, 60, 30]) - 127.5) / 127.5)
        got = feature(coloured_crop(), None)
        np.testing.assert_allclose(got, want, atol=1e-5)
        assert feature.mirrored(got) is got

    def test_a_network_of_bytes_gets_bytes(self, tmp_path):
        feature = EmbeddingFeature(network(tmp_path / "n.onnx", (1, 16, 16, 3), "UINT8", reduced=(1, 2)))
        np.testing.assert_allclose(feature(coloured_crop(), None), unit([240, 60, 30]), atol=1e-5)

    def test_its_name_tells_networks_apart(self, tmp_path):
        one, same, other = (
            EmbeddingFeature(network(tmp_path / f"{n}.onnx", (1, 3, size, size))).name
            for n, size in enumerate((16, 16, 24))
        )
        assert one == same != other and one.startswith("embedding:")

    @pytest.mark.parametrize(
        "options",
        [
            {"shape": (1, 1, 16, 16)},
            {"shape": (1, 3, 16, 24)},
            {"shape": (2, 3, 16, 16)},
            {"shape": (1, 3, "H", "W")},
            {"shape": (1, 3)},
            {"outputs": 2},
            {"reduced": (3,)},
            {"kind": "INT64"},
        ],
    )
    def test_another_signature_is_refused(self, tmp_path, options):
        shape = options.get("shape", (1, 3, 16, 16))
        reduced = options.get("reduced", (2, 3) if len(shape) == 4 else (1,))
        with pytest.raises(ModelFileError, match=r"n\.onnx"):
            EmbeddingFeature(network(tmp_path / "n.onnx", **{**options, "reduced": reduced}))

    def test_a_file_that_is_none(self, tmp_path):
        with pytest.raises(ModelFileError, match=r"n\.onnx"):
            EmbeddingFeature(tmp_path / "n.onnx")
        (tmp_path / "n.onnx").write_bytes(b"no network")
        with pytest.raises(ModelFileError, match=r"n\.onnx"):
            EmbeddingFeature(tmp_path / "n.onnx")


class TestEntries:
    MAKE = EntryMaker(unwrap, ShapeFeature(MODEL))

    def test_a_clear_face_enters_as_it_was_seen(self):
        seen = observation(yaw=20)
        entry = self.MAKE(seen)
        assert entry.skin.shape == (256, 256) and (entry.skin == np.float32(1e-3)).all()
        np.testing.assert_array_equal(entry.direction, direction_of(seen.foundation))
        np.testing.assert_array_equal(entry.feature, TestShapeFeature.FEATURE(None, seen.foundation))

    def test_the_skin_is_the_stage_s(self):
        seen = observation()
        crop = Crop(None, Camera(np.array([[1200.0, 0, 204], [0, 1200.0, 290], [0, 0, 1]]), 512, 512), np.eye(3))
        surface = SurfaceRaster(MODEL)(seen.foundation, crop)
        entry = EntryMaker(Unwrapping(MODEL), ShapeFeature(MODEL))(replace(seen, crop=crop, surface=surface))
        assert entry.skin.shape == (256, 256) and np.isfinite(entry.skin).mean() > 0.2
        assert 0 < np.nanmin(entry.skin) and np.nanmax(entry.skin) < 1.001e-3

    @pytest.mark.parametrize(
        "seen, word", [(observation(hidden=0.25), "hidden"), (observation(confidence=0.5), "surely")]
    )
    def test_what_is_not_clear_does_not(self, seen, word):
        with pytest.raises(Unfit, match=word):
            self.MAKE(seen)

    def test_a_face_of_which_next_to_nothing_is_seen_does_not(self):
        make = EntryMaker(lambda *_: np.full((256, 256), np.nan), ShapeFeature(MODEL))
        with pytest.raises(Unfit, match="little"):
            make(observation())
