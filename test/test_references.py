"""Which gallery of references the road runs with, and the shipped one."""

import numpy as np
import pytest
import yaml
from gallery_samples import MODEL, entries, own_folder, write

import extreme3d_ros.references.default as default
from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.geometry.directions import yaw_and_pitch
from extreme3d_ros.references.build import faults
from extreme3d_ros.references.default import DEFAULT_REFERENCES, feature_of, references_of
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.references.search import Match

home = pytest.fixture(own_folder)


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
        from extreme3d_ros.cli.node_arguments import _references

        write(shipped.parent / "named", entries(1, 99), face_model=MODEL.name, feature=f"shape:{MODEL.name}")
        monkeypatch.chdir(shipped.parent)

        def handed(references):
            flag, given = _references(references, MODEL)
            assert flag == "-p" and given.startswith("references:=")
            return yaml.safe_load(given.removeprefix("references:="))

        assert [handed(word) for word in ("named", "", "none")] == [str(shipped.parent / "named"), "", "none"]

    def test_the_node_asks_for_the_network_of_one_s_own(self, home):
        pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
        from extreme3d_ros.nodes.completion_node import make_completion

        home.mkdir(parents=True)
        write(home, entries(1), face_model=MODEL.name, feature="embedding:0123456789abcdef")
        for references in ("", str(home)):
            with pytest.raises(ModelFileError, match=r"feature\.onnx.*embedding:0123456789abcdef"):
                make_completion("default", "", references)


class TestShipped:
    """The gallery that comes with the package."""

    def test_suits_the_shipped_face_model_and_is_sound(self, home):
        gallery = references_of("", MODEL.name)
        assert gallery.folder == DEFAULT_REFERENCES and len(gallery) >= 48
        assert list(faults(gallery)) == []
        yaw = np.degrees(yaw_and_pitch(gallery.directions)[:, 0])
        assert yaw.min() < -60 and yaw.max() > 60 and np.abs(np.histogram(yaw, [-60, -20, 20, 60])[0] - 18).max() < 6

    def test_lends_what_faces_have_in_common(self):
        gallery = Gallery(DEFAULT_REFERENCES)
        frontal = np.flatnonzero(np.abs(yaw_and_pitch(gallery.directions)[:, 0]) < np.radians(30))
        one = gallery.skin(int(frontal[0]))
        others = gallery.mean_skin([Match(int(index), False, 1.0) for index in frontal[1:]])
        both = np.isfinite(one) & np.isfinite(others)
        assert np.corrcoef(one[both], others[both])[0, 1] > 0.15
        assert 2e-5 < np.abs(one[both]).mean() < 1e-3
