"""The gallery of references: its files, its search, identity features, and `extreme3d references`."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from face_scenes import covered, scene
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import extreme3d_ros.cli.references as command
import extreme3d_ros.references.default as default
import extreme3d_ros.references.gallery as gallery_module
from extreme3d_ros.camera import Camera
from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import InputError, ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.pipeline import Completion
from extreme3d_ros.records import HIDDEN, VISIBLE, Coefficients, Crop, Foundation, Layers, Observation
from extreme3d_ros.references.build import EntryMaker, Unfit, faults
from extreme3d_ros.references.default import DEFAULT_REFERENCES, feature_of, references_of
from extreme3d_ros.references.gallery import UNIT, Gallery, GalleryWriter
from extreme3d_ros.references.identity import EmbeddingFeature, ShapeFeature
from extreme3d_ros.references.search import Match
from extreme3d_ros.references.viewpoint import direction_of, yaw_of
from extreme3d_ros.stages.surface import SurfaceRaster
from extreme3d_ros.stages.unwrapping import Unwrapping

MODEL = load_face_model()
FLIP = np.float32([-1, 1, 1])
SIZE = 8


def unit(vector):
    vector = np.asarray(vector, np.float32)
    return vector / np.linalg.norm(vector)


def entries(count, length=6, size=SIZE, seed=0):
    """Skins with unseen texels, directions and features."""
    rng = np.random.default_rng(seed)
    skins = rng.uniform(-6e-3, 6e-3, (count, size, size)).astype(np.float32)
    skins[rng.random(skins.shape) < 0.3] = np.nan
    directions = [unit(rng.normal(0, 0.5, 3) + [0, 0, 2]) for _ in range(count)]
    return list(zip(skins, directions, (unit(rng.normal(size=length)) for _ in range(count))))


def write(folder, made, size=SIZE, append=False, face_model="model", feature="feature"):
    folder.mkdir(exist_ok=True)
    with GalleryWriter(folder, face_model, feature, size, append) as writer:
        for entry in made:
            writer.add(*entry)
    return folder


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(gallery_module, "PART", 3)


class TestFiles:
    def test_a_skin_comes_back_within_half_a_unit(self, tmp_path):
        made = entries(5)
        gallery = Gallery(write(tmp_path / "g", made))
        assert (len(gallery), gallery.face_model, gallery.feature, gallery.size) == (5, "model", "feature", SIZE)
        for index, (skin, _, _) in enumerate(made):
            got = gallery.skin(index)
            assert got.dtype == np.float32 and got.shape == (SIZE, SIZE)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(skin))
            assert np.nanmax(np.abs(got - skin)) <= UNIT / 2 * 1.001

    def test_heights_beyond_a_byte_are_clipped_and_never_become_unseen(self, tmp_path):
        skin = np.full((SIZE, SIZE), -1.0)
        skin[0] = 1.0
        got = Gallery(write(tmp_path / "g", [(skin, [0, 0, 1], [1.0])])).skin(0)
        np.testing.assert_allclose(got[0], 127 * UNIT, rtol=1e-6)
        np.testing.assert_allclose(got[1:], -127 * UNIT, rtol=1e-6)

    def test_the_twin_s_columns_are_reversed(self, tmp_path):
        gallery = Gallery(write(tmp_path / "g", entries(2)))
        np.testing.assert_array_equal(gallery.skin(1, mirrored=True), gallery.skin(1)[:, ::-1])

    def test_an_entry_that_is_not_there(self, tmp_path):
        gallery = Gallery(write(tmp_path / "g", entries(2)))
        for index in (-1, 2):
            with pytest.raises(IndexError):
                gallery.skin(index)

    def test_grown_by_parts_is_as_written_at_once(self, tmp_path, small_parts, monkeypatch):
        made = entries(8)
        for first in (0, 5, 6):
            write(tmp_path / "grown", made[first : {0: 5, 5: 6, 6: 8}[first]], append=True)
        monkeypatch.setattr(gallery_module, "PART", 100)
        grown, once = Gallery(tmp_path / "grown"), Gallery(write(tmp_path / "once", made))
        assert (
            len(list((tmp_path / "grown").glob("part-*"))) == 4 and len(list((tmp_path / "once").glob("part-*"))) == 1
        )
        np.testing.assert_array_equal(grown.directions, once.directions)
        for index in range(8):
            np.testing.assert_array_equal(grown.skin(index), once.skin(index))
        for _, direction, feature in made:
            assert grown.alike(direction, feature, feature, 3) == once.alike(direction, feature, feature, 3)
        pieces = [np.concatenate(rows) for rows in list(zip(*grown.pieces()))[1:]]
        np.testing.assert_array_equal(pieces[0], [once.skin(index) for index in range(8)])
        assert pieces[1].shape == (8, 6) and grown.megabytes == pytest.approx(8 * (64 + 12 + 12) / 1e6)

    def test_without_an_entry_nothing_is_written(self, tmp_path):
        assert list(write(tmp_path / "g", []).iterdir()) == []

    def test_only_directions_are_held(self, tmp_path):
        gallery = Gallery(write(tmp_path / "g", entries(4)))
        assert gallery.directions.nbytes == 4 * 12
        assert not any(isinstance(value, np.ndarray) and value.size > 100 for value in vars(gallery).values())

    @pytest.mark.parametrize(
        "entry",
        [
            (np.zeros((SIZE, SIZE + 1)), [0, 0, 1], [1.0, 0]),
            (np.full((SIZE, SIZE), np.inf), [0, 0, 1], [1.0, 0]),
            (np.zeros((SIZE, SIZE)), [0, 0, 2], [1.0, 0]),
            (np.zeros((SIZE, SIZE)), [0, 0, np.nan], [1.0, 0]),
            (np.zeros((SIZE, SIZE)), [0, 0, 1], [1.0, 1]),
            (np.zeros((SIZE, SIZE)), [0, 0, 1], [1.0]),
        ],
    )
    def test_what_is_no_entry_is_refused(self, tmp_path, entry):
        good = (np.zeros((SIZE, SIZE)), [0, 0, 1], [1.0, 0])
        with GalleryWriter(tmp_path, "model", "feature", SIZE) as writer:
            writer.add(*good)
            with pytest.raises(ValueError):
                writer.add(*entry)
        assert len(Gallery(tmp_path)) == 1


class TestBuilding:
    def test_a_killed_build_leaves_the_parts_that_were_done_and_can_go_on(self, tmp_path):
        script = (
            "import os, signal; from pathlib import Path; import numpy as np\n"
            "import extreme3d_ros.references.gallery as g\n"
            "g.PART = 3\n"
            f"writer = g.GalleryWriter(Path({str(tmp_path)!r}), 'model', 'feature', 8)\n"
            "for _ in range(5): writer.add(np.zeros((8, 8)), [0, 0, 1], [1.0, 0])\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        assert subprocess.run([sys.executable, "-c", script]).returncode == -signal.SIGKILL
        assert (tmp_path / ".part-00001").exists()
        assert len(Gallery(tmp_path)) == 3 and not list(faults(Gallery(tmp_path)))
        write(tmp_path, entries(2, length=2), append=True)
        assert len(Gallery(tmp_path)) == 5 and not (tmp_path / ".part-00001").exists()

    def test_killed_between_part_and_manifest(self, tmp_path, monkeypatch):
        def killed(*_):
            raise KeyboardInterrupt

        write(tmp_path, entries(2))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(gallery_module.Manifest, "write", killed)
            write(tmp_path, entries(3, seed=1), append=True)
        assert (tmp_path / "part-00001").exists() and len(Gallery(tmp_path)) == 2
        write(tmp_path, entries(1, seed=2), append=True)
        assert len(Gallery(tmp_path)) == 3

    def test_an_interrupted_build_keeps_what_had_entered(self, tmp_path):
        with pytest.raises(KeyboardInterrupt), GalleryWriter(tmp_path, "model", "feature", SIZE) as writer:
            writer.add(*entries(1)[0])
            writer._part._files[0].add(np.zeros((SIZE, SIZE)))  # a row that the other files have not
            raise KeyboardInterrupt
        assert len(Gallery(tmp_path)) == 1

    def test_a_gallery_is_added_to_only_when_asked(self, tmp_path):
        write(tmp_path, entries(1))
        with pytest.raises(InputError, match="--append"):
            write(tmp_path, entries(1))
        assert len(Gallery(tmp_path)) == 1

    @pytest.mark.parametrize("other", [{"face_model": "other"}, {"feature": "other"}, {"size": 16}])
    def test_of_another_kind_nothing_enters(self, tmp_path, other):
        write(tmp_path, entries(1))
        with pytest.raises(InputError, match=next(iter(other)).replace("_", " ")):
            write(tmp_path, entries(1, size=other.get("size", SIZE)), append=True, **other)

    def test_two_at_once_are_refused(self, tmp_path):
        with GalleryWriter(tmp_path, "model", "feature", SIZE):
            with pytest.raises(InputError, match="another build"):
                GalleryWriter(tmp_path, "model", "feature", SIZE)
        GalleryWriter(tmp_path, "model", "feature", SIZE).close()

    def test_a_broken_gallery_does_not_grow(self, tmp_path):
        write(tmp_path, entries(1))
        (tmp_path / "part-00000" / "skins.npy").unlink()
        with pytest.raises(ModelFileError):
            write(tmp_path, entries(1), append=True)

    def test_a_place_that_cannot_be_written(self, tmp_path):
        with pytest.raises(InputError, match="nowhere"):
            GalleryWriter(tmp_path / "nowhere", "model", "feature", SIZE)

    def test_a_full_disk_leaves_the_gallery_as_it_was(self, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        write(tmp_path, entries(1))
        with pytest.raises(InputError, match="No space left"):
            with GalleryWriter(tmp_path, "model", "feature", SIZE, append=True) as writer:
                writer.add(*entries(1)[0])
                monkeypatch.setattr(writer._part._files[2], "add", full)
                writer.add(*entries(1)[0])
        assert len(Gallery(tmp_path)) == 1 and not list(tmp_path.glob(".part*"))


def refused(folder):
    with pytest.raises(ModelFileError) as caught:
        Gallery(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    return str(caught.value)


class TestHostileFiles:
    def test_nothing_there(self, tmp_path):
        assert "references build" in refused(tmp_path) and "references build" in refused(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        "key, value",
        [
            ("format", 2),
            ("face_model", 7),
            ("feature", "\x1b[2J"),
            ("size", SIZE + 1),
            ("size", 10**30),
            ("size", True),
            ("length", 7),
            ("length", -6),
            ("unit", 0.0),
            ("unit", float("nan")),
            ("unit", "5e-5"),
            ("parts", 3),
            ("parts", [{"name": "../part-00000", "count": 4}]),
            ("parts", [{"name": "/etc", "count": 4}]),
            ("parts", [{"name": "part-00000/", "count": 4}]),
            ("parts", [{"name": "part-00000\n", "count": 4}]),
            ("parts", [{"name": ["part-00000"], "count": 4}]),
            ("parts", [{"name": "part-00000", "count": 4}] * 2),
            ("parts", [{"name": "part-00000", "count": 3}]),
            ("parts", [{"name": "part-00000", "count": 10**15}]),
            ("parts", [{"name": "part-00000", "count": 0}]),
            ("parts", [{"name": "part-00000", "count": 4.0}]),
            ("parts", [{"name": "part-00001", "count": 4}]),
            ("parts", [{"name": "part-00000"}]),
            ("parts", ["part-00000"]),
        ],
    )
    def test_a_manifest_that_cannot_be(self, tmp_path, key, value):
        write(tmp_path, entries(4))
        path = tmp_path / "gallery.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
        refused(tmp_path)

    @pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, '{"format": 1}', '"format"', "\xff", "9" * 5000])
    def test_a_manifest_that_is_none(self, tmp_path, text):
        write(tmp_path, entries(1))
        (tmp_path / "gallery.json").write_text(text, encoding="latin-1")
        refused(tmp_path)

    @pytest.mark.parametrize("name", ["skins.npy", "directions.npy", "features.npy"])
    def test_arrays_that_are_not_as_promised(self, tmp_path, name):
        write(tmp_path, entries(4))
        path = tmp_path / "part-00000" / name
        good, data = np.load(path), path.read_bytes()
        for bad in (good[:3], good.astype("f8"), good[..., :-1], good.astype(object), np.asfortranarray(good)):
            np.save(path, bad, allow_pickle=True)
            refused(tmp_path)
        for bad in (data[:-1], data + b"\0", data[:40], b"", b"PK\3\4" + data):
            path.write_bytes(bad)
            refused(tmp_path)
        path.unlink()
        refused(tmp_path)
        os.mkfifo(path)
        refused(tmp_path)

    def test_directions_that_are_none(self, tmp_path):
        write(tmp_path, entries(4))
        for bad in (np.nan, np.inf, 0, 5):
            np.save(tmp_path / "part-00000" / "directions.npy", np.full((4, 3), bad, np.float32))
            refused(tmp_path)

    @settings(max_examples=60)
    @given(st.data())
    def test_scribbled_files_are_read_as_data_or_refused(self, tmp_path_factory, data):
        folder = write(tmp_path_factory.mktemp("g"), entries(2))
        path = folder / data.draw(
            st.sampled_from(["gallery.json", *(f"part-00000/{n}.npy" for n in ("skins", "directions", "features"))])
        )
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content), 250) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
        try:
            gallery = Gallery(folder)
            match = gallery.alike(unit([0, 0, 1]), np.ones(6), np.ones(6), 4)[0]
            assert len(gallery) == 2 and -1 <= match.similarity <= 1
            assert gallery.skin(match.index, match.mirrored).shape == (SIZE, SIZE)
        except ModelFileError as error:
            assert "\n" not in str(error)


class TestSearch:
    FRONT, LEFT = unit([0, 0, 1]), unit([1, 0, 1])

    def of(self, tmp_path, *pairs):
        skin = np.zeros((SIZE, SIZE), np.float32)
        return Gallery(write(tmp_path / "g", [(skin, *map(unit, pair)) for pair in pairs]))

    def test_the_most_alike_of_those_near_in_viewpoint(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]), ([0, 1, 1], [0.1, 1]))
        match = gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]))[0]
        assert (match.index, match.similarity) == (1, 1.0)
        assert match.angle == pytest.approx(np.arctan(0.1), rel=1e-5)

    def test_k_keeps_the_others_out(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]))
        # The front one and its twin are the two nearest.
        assert gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]), k=2)[0].index == 0
        assert gallery.alike(self.FRONT, unit([0, 1]), unit([0, 1]), k=3)[0].index == 1

    def test_a_twin_wins_by_its_viewpoint_and_the_mirrored_feature(self, tmp_path):
        gallery = self.of(tmp_path, ([-1, 0, 1], [1, 0]), ([1, 0, 1], [0, 1]))
        match = gallery.alike(self.LEFT, unit([0.1, 1]), unit([1, 0]))[0]
        assert (match.index, match.mirrored, match.angle) == (0, True, 0)
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
        straight, twins = (gallery.mean_skin([Match(n, twin, 1.0, 0.0) for n in (0, 1)]) for twin in (False, True))
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
        assert match.angle == pytest.approx(np.arccos(min(angles[best], 1)), abs=2e-3)
        assert (match.index, match.mirrored) == (best % count, best >= count)

    def test_a_feature_that_is_not_finite_is_never_the_best(self, tmp_path):
        gallery = self.of(tmp_path, ([0, 0, 1], [1, 0]), ([0.1, 0, 1], [0, 1]))
        for bad in (np.nan, np.inf):
            np.save(tmp_path / "g/part-00000/features.npy", np.float16([[bad, bad], [0, 1]]))
            gallery = Gallery(tmp_path / "g")
            assert gallery.alike(self.FRONT, unit([1, 1]), unit([1, 1]))[0].index == 1


def posed(vertices, yaw=0.0, pitch=0.0, roll=0.0, t=(0.03, -0.02, 0.7)):
    """A foundation; the head's turns in degrees, about the model's y, x and z in turn."""
    R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()
    return Foundation((vertices @ R.T + t).astype(np.float32), R, np.array(t))


class TestViewpoint:
    def test_from_the_front(self):
        np.testing.assert_allclose(direction_of(posed(MODEL.mean, t=(0, 0, 0.7))), [0, 0, 1], atol=1e-6)

    def test_a_head_that_turns_to_its_left_is_seen_from_its_right(self):
        direction = direction_of(posed(MODEL.mean, yaw=30, t=(0, 0, 0.7)))
        assert np.degrees(yaw_of(direction)) == pytest.approx(-30, abs=1e-3)
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


def network(path, shape=(1, 3, 16, 16), kind="FLOAT", outputs=1, reduced=(2, 3)):
    """An ONNX file that averages its image over some axes; by default the mean of each channel, (1, 3)."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=types.FLOAT)]
    names = [f"out{n}" for n in range(outputs)]
    nodes += [helper.make_node("ReduceMean", ["real"], [n], axes=list(reduced), keepdims=0) for n in names]
    given_ = helper.make_tensor_value_info("image", getattr(types, kind), shape)
    made = [helper.make_tensor_value_info(n, types.FLOAT, None) for n in names]
    graph = helper.make_graph(nodes, "g", [given_], made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def coloured_crop():
    """Its middle is of BGR 30, 60, 240; no face reaches its border."""
    image = np.zeros((512, 512, 3), np.uint8)
    image[20:450, 40:470] = 30, 60, 240
    return Crop(image, Camera.assumed(512, 512), np.eye(3))


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


def observation(hidden=0.0, confidence=0.9, yaw=0.0, seed=0):
    """A face of which an object hides so much; only what a gallery looks at is there."""
    occlusion = np.full((512, 512), VISIBLE, np.uint8)
    occlusion[: round(512 * hidden)] = HIDDEN
    rng = np.random.default_rng(seed)
    vertices = MODEL.vertices(rng.normal(size=99), np.zeros(29))
    layers = Layers(np.full((512, 512), 1e-3, np.float32), (occlusion == VISIBLE).astype(np.uint8), occlusion)
    return Observation(None, None, posed(vertices, yaw), Coefficients(None, None), None, layers, confidence)


def unwrap(foundation, crop, surface, bump, visible):
    """Stands in for stages/unwrapping.py: the bump's upper left corner."""
    return np.where(visible, bump, np.nan)[-256:, -256:]


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


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "extreme3d_ros" / "references"


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A folder of images whose grey says what is on them, and a road that sees that."""
    grey = {0: None, 50: observation(hidden=0.3), 100: observation(yaw=-20), 150: observation(yaw=40, seed=1)}

    class Road:
        def __init__(self, *_):
            pass

        def __call__(self, frame):
            seen = grey[int(frame.image[0, 0, 0])]
            return [] if seen is None else [seen]

    monkeypatch.setattr(command, "fast_path_of", Road)
    monkeypatch.setattr(command, "Unwrapping", lambda model: unwrap)
    folder = tmp_path / "images"
    folder.mkdir()
    for value in grey:
        cv2.imwrite(str(folder / f"{value:03d}.png"), np.full((40, 40, 3), value, np.uint8))
    (folder / "notes.txt").write_text("no image")
    return folder


class TestBuildCommand:
    def test_clear_faces_enter_and_the_others_are_counted(self, images, home, capsys):
        assert main(["references", "build", str(images)]) == 0
        out, err = capsys.readouterr()
        assert f"{home}: 2 faces entered, 2 in all" in out
        assert "turned down: 3" in out and all(
            w in out for w in ("1 without a face", "1 partly hidden", "1 unreadable")
        )
        assert "notes.txt" in err and err.count("\n") == 1
        gallery = Gallery(home)
        assert (gallery.face_model, gallery.feature, gallery.size) == (MODEL.name, f"shape:{MODEL.name}", 256)
        assert np.degrees(yaw_of(gallery.directions)).round(-1).tolist() == [20, -40]

    def test_an_existing_one_grows_only_when_asked(self, images, home, capsys):
        main(["references", "build", str(images)])
        assert main(["references", "build", str(images)]) == 2
        assert "--append" in capsys.readouterr().err
        assert main(["references", "build", str(images), "--append"]) == 0
        assert "2 faces entered, 4 in all" in capsys.readouterr().out and len(Gallery(home)) == 4

    def test_another_feature_is_not_mixed_in(self, images, home, tmp_path, capsys):
        main(["references", "build", str(images)])
        path = network(tmp_path / "n.onnx")
        assert main(["references", "build", str(images), "--append", "--feature-network", str(path)]) == 2
        assert "feature" in capsys.readouterr().err

    def test_no_clear_face_ends_with_3_and_leaves_no_gallery(self, images, home, capsys):
        for name in ("100.png", "150.png"):
            (images / name).unlink()
        assert main(["references", "build", str(images)]) == 3
        assert "1 partly hidden" in capsys.readouterr().err and not (home / "gallery.json").exists()

    def test_a_folder_that_is_none_or_empty_ends_with_2(self, tmp_path, home, capsys):
        (tmp_path / "empty").mkdir()
        (tmp_path / "file").write_text("")
        for name in ("nowhere", "empty", "file"):
            assert main(["references", "build", str(tmp_path / name)]) == 2
            assert name in capsys.readouterr().err

    def test_a_network_or_model_that_is_not_there_ends_with_4(self, images, home):
        assert main(["references", "build", str(images), "--feature-network", "nowhere.onnx"]) == 4
        assert main(["references", "build", str(images), "--face-model", "nowhere.npz"]) == 4


@pytest.fixture
def of_crops(images, monkeypatch):
    """What is seen has a crop to give to a network."""
    make = command.EntryMaker

    def maker(*given):
        return lambda seen: make(*given)(replace(seen, crop=coloured_crop()))

    monkeypatch.setattr(command, "EntryMaker", maker)
    return images


class TestFeatureNetwork:
    def built(self, images, tmp_path, *more):
        path = network(tmp_path / "n.onnx")
        return path, main(["references", "build", str(images), "--feature-network", str(path), *more])

    def test_lies_in_the_gallery_and_is_used_from_there(self, of_crops, home, tmp_path):
        path, status = self.built(of_crops, tmp_path)
        assert status == 0 and (home / "feature.onnx").read_bytes() == path.read_bytes()
        path.unlink()
        gallery = Gallery(home)
        feature = feature_of(gallery, MODEL)
        assert feature.name == gallery.feature and feature(coloured_crop(), None).shape == (3,)

    def test_completion_borrows_from_such_a_gallery(self, of_crops, home, tmp_path):
        self.built(of_crops, tmp_path)
        crop, foundation, _, layers = scene(0)
        hole = np.zeros((512, 512), bool)
        hole[140:200, 200:300] = True
        hidden, _ = covered(layers, hole)
        completion = Completion(MODEL, references_of("", MODEL.name))
        assert "reference" in completion(crop, foundation, hidden).filled_from

    def test_a_gallery_grows_by_its_own_network(self, of_crops, home, tmp_path):
        path, _ = self.built(of_crops, tmp_path)
        path.unlink()
        assert main(["references", "build", str(of_crops), "--append"]) == 0
        assert len(Gallery(home)) == 4

    def test_or_by_the_same_one_which_is_then_there_again(self, of_crops, home, tmp_path):
        path, _ = self.built(of_crops, tmp_path)
        (home / "feature.onnx").unlink()
        assert main(["references", "build", str(of_crops), "--append"]) == 4
        assert self.built(of_crops, tmp_path, "--append")[1] == 0
        assert len(Gallery(home)) == 4 and (home / "feature.onnx").read_bytes() == path.read_bytes()

    def test_but_not_by_another(self, of_crops, home, tmp_path, capsys):
        path, _ = self.built(of_crops, tmp_path)
        kept = (home / "feature.onnx").read_bytes()
        other = network(tmp_path / "other.onnx", (1, 3, 24, 24))
        assert main(["references", "build", str(of_crops), "--append", "--feature-network", str(other)]) == 2
        assert "feature" in capsys.readouterr().err
        assert (home / "feature.onnx").read_bytes() == kept and len(Gallery(home)) == 2

    def test_is_there_before_an_entry_is(self, of_crops, home, tmp_path, monkeypatch):
        def kept(*_):
            assert not list(home.iterdir())
            raise InputError("no space")

        monkeypatch.setattr(command, "keep_network", kept)
        assert self.built(of_crops, tmp_path)[1] == 2 and not list(home.iterdir())

    def test_without_a_clear_face_nothing_is_written(self, images, home, tmp_path):
        for name in ("100.png", "150.png"):
            (images / name).unlink()
        assert self.built(images, tmp_path)[1] == 3 and not list(home.iterdir())

    def test_missing_broken_or_another_is_told_in_a_line(self, of_crops, home, tmp_path, capsys):
        self.built(of_crops, tmp_path)
        path = home / "feature.onnx"

        def told(*words):
            with pytest.raises(ModelFileError) as caught:
                feature_of(Gallery(home), MODEL)
            assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in (str(path), *words))
            capsys.readouterr()
            assert main(["references", "check"]) == 4 and str(path) in capsys.readouterr().err

        path.write_bytes(b"no network")
        told()
        network(path, (1, 3, 24, 24))
        told("another network", Gallery(home).feature)
        path.unlink()
        told("no file", Gallery(home).feature)
        os.mkfifo(path)
        told("no file")


class TestWhichGallery:
    @pytest.fixture
    def shipped(self, tmp_path, monkeypatch):
        folder = write(tmp_path / "shipped", entries(1), face_model="ours")
        monkeypatch.setattr(default, "DEFAULT_REFERENCES", folder)
        return folder

    def own(self, home, face_model):
        home.mkdir(parents=True, exist_ok=True)
        return write(home, entries(2), face_model=face_model)

    def test_one_s_own_goes_before_the_shipped_one(self, home, shipped):
        assert references_of("", "ours").folder == shipped
        self.own(home, "ours")
        assert references_of("", "ours").folder == home

    def test_each_where_it_suits_the_face_model(self, home, shipped):
        self.own(home, "theirs")
        assert references_of("", "ours").folder == shipped and references_of("", "theirs").folder == home
        assert references_of("", "nobody's") is None

    def test_none(self, home, shipped):
        self.own(home, "ours")
        assert references_of("none", "ours") is None and feature_of(None, MODEL) is None

    def test_a_folder_that_nothing_has_entered_is_no_gallery(self, home, shipped):
        home.mkdir(parents=True)
        assert references_of("", "ours").folder == shipped

    def test_one_s_own_that_is_broken_is_not_passed_over(self, home, shipped):
        self.own(home, "ours")
        (home / "gallery.json").write_text("{}")
        with pytest.raises(ModelFileError, match="no sound gallery"):
            references_of("", "ours")

    def test_a_named_one_must_be_there_and_suit(self, home, shipped, tmp_path):
        assert references_of(shipped, "ours").folder == shipped
        with pytest.raises(ModelFileError, match=r"shipped are of the face model ours, not theirs: name others"):
            references_of(shipped, "theirs")
        with pytest.raises(ModelFileError, match="nowhere"):
            references_of(tmp_path / "nowhere", "ours")

    def test_the_shipped_one_suits_the_shipped_face_model(self, home):
        gallery = references_of("", MODEL.name)
        assert gallery.folder == default.DEFAULT_REFERENCES and feature_of(gallery, MODEL).name == gallery.feature

    @pytest.mark.parametrize("name", ["reconstruct", "run"])
    def test_a_command_takes_the_named_one(self, name, tmp_path, home, capsys):
        if name == "run":
            pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
        given = {"reconstruct": ["x.png", "--out", str(tmp_path / "out")], "run": ["--seconds", "1"]}[name]
        assert main([name, *given, "--profile", "shading", "--references", str(tmp_path / "nowhere")]) == 4
        line = capsys.readouterr().err
        assert line.startswith("extreme3d: ") and line.count("\n") == 1 and "nowhere" in line

    def test_run_hands_it_to_the_node(self, home, shipped, monkeypatch):
        from extreme3d_ros.cli.run import _check_references

        write(shipped.parent / "named", entries(1), face_model=MODEL.name, feature=f"shape:{MODEL.name}")
        monkeypatch.chdir(shipped.parent)
        assert _check_references("named", MODEL) == ["-p", f"references:='{shipped.parent / 'named'}'"]
        assert [_check_references(word, MODEL)[1] for word in ("", "none")] == ["references:=''", "references:='none'"]

    def test_the_node_asks_for_the_network_of_one_s_own(self, home):
        pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
        from extreme3d_ros.nodes.completion_node import make_completion

        home.mkdir(parents=True)
        write(home, entries(1), face_model=MODEL.name, feature="embedding:0123456789abcdef")
        for references in ("", str(home)):
            with pytest.raises(ModelFileError, match=r"feature\.onnx.*embedding:0123456789abcdef"):
                make_completion("default", "", references)


class TestInfoAndCheck:
    def test_info_counts_twins(self, images, home, capsys):
        main(["references", "build", str(images)])
        capsys.readouterr()
        assert main(["references", "info"]) == 0
        out = capsys.readouterr().out
        assert "2 entries, 4 with their" in out and MODEL.name in out and "0.1 MB" in out
        counts = {line.split()[0]: int(line.split()[3]) for line in out.splitlines() if " to " in line}
        assert counts == {"-70": 0, "-50": 1, "-30": 1, "-10": 0, "10": 1, "30": 1, "50": 0}

    def test_check_says_sound(self, images, home, capsys):
        main(["references", "build", str(images)])
        capsys.readouterr()
        assert main(["references", "check"]) == 0
        assert capsys.readouterr().out == f"{home}: sound; 2 entries\n"

    def test_check_names_what_is_wrong(self, tmp_path, capsys):
        made = entries(3)
        made[1][0][:] = np.nan
        write(tmp_path / "g", made)
        path = tmp_path / "g" / "part-00000" / "features.npy"
        features = np.load(path)
        features[0], features[2, 1] = 1, np.nan
        np.save(path, features)
        assert main(["references", "check", str(tmp_path / "g")]) == 4
        lines = capsys.readouterr().err.splitlines()
        assert [line[:7] for line in lines] == ["entry 0", "entry 2", "entry 1", "extreme"]

    def test_a_gallery_that_is_not_there_or_broken_ends_with_4(self, tmp_path, home, capsys):
        (tmp_path / "gallery.json").write_text("{}")
        for action in ("info", "check"):
            for arguments in ([], [str(tmp_path / "nowhere")], [str(tmp_path)]):
                assert main(["references", action, *arguments]) == 4
                assert capsys.readouterr().err.count("\n") == 1


class TestShipped:
    """The gallery that comes with the package."""

    def test_suits_the_shipped_face_model_and_is_sound(self, home):
        gallery = references_of("", MODEL.name)
        assert gallery.folder == DEFAULT_REFERENCES and len(gallery) >= 48
        assert list(faults(gallery)) == []
        yaw = np.degrees(yaw_of(gallery.directions))
        assert yaw.min() < -60 and yaw.max() > 60 and np.abs(np.histogram(yaw, [-60, -20, 20, 60])[0] - 18).max() < 6

    def test_lends_what_faces_have_in_common(self):
        gallery = Gallery(DEFAULT_REFERENCES)
        frontal = np.flatnonzero(np.abs(yaw_of(gallery.directions)) < np.radians(30))
        one = gallery.skin(int(frontal[0]))
        others = gallery.mean_skin([Match(int(index), False, 1.0, 0.0) for index in frontal[1:]])
        both = np.isfinite(one) & np.isfinite(others)
        assert np.corrcoef(one[both], others[both])[0, 1] > 0.15
        assert 2e-5 < np.abs(one[both]).mean() < 1e-3
