"""`extreme3d references`: galleries built, described and checked."""

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
from face_scenes import covered, scene
from gallery_samples import MODEL, coloured_crop, entries, network, observation, own_folder, unwrap, write

import extreme3d_ros.cli.references as command
from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import InputError, ModelFileError
from extreme3d_ros.geometry.directions import yaw_and_pitch
from extreme3d_ros.pipeline import Completion
from extreme3d_ros.references.default import feature_of, references_of
from extreme3d_ros.references.gallery import Gallery

home = pytest.fixture(own_folder)


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
        assert np.degrees(yaw_and_pitch(gallery.directions)[:, 0]).round(-1).tolist() == [20, -40]

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
