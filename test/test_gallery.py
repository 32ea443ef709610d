"""The gallery of references: its files, also broken and hostile ones."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from gallery_samples import SIZE, entries, unit, write
from hypothesis import given, settings
from hypothesis import strategies as st

import extreme3d_ros.references.gallery_writer as gallery_module
from extreme3d_ros.errors import InputError, ModelFileError
from extreme3d_ros.references.build import faults
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.gallery_writer import UNIT, GalleryWriter


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
            "import extreme3d_ros.references.gallery_writer as g\n"
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
