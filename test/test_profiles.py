"""Profiles: what each needs, and the one line that says what is missing."""

import shutil

import numpy as np
import pytest
from importer_sources import bfm_arrays, synthetic, write_mat

from extreme3d_ros.cli.main import main
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.model import DEFAULT_MODEL
from extreme3d_ros.profiles import PROFILES, face_model_of, shape_network_of
from extreme3d_ros.stages.shape_network import network_input


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "extreme3d_ros"


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A small bfm2009 of 99 shape modes."""
    folder = tmp_path_factory.mktemp("bfm2009")
    source = write_mat(folder / "BaselFaceModel_mod.mat", bfm_arrays(synthetic(99, 29)))
    assert main(["models", "import", "bfm2009", str(source), "--out", str(folder / "bfm2009.npz")]) == 0
    return folder / "bfm2009.npz"


@pytest.fixture
def bfm2009(converted, data_home):
    """The same where imported models lie."""
    (data_home / "models").mkdir(parents=True)
    shutil.copy(converted, data_home / "models")


def test_default_is_the_package_s_own():
    model = face_model_of("default")
    assert model.name == load_face_model().name and shape_network_of("default", model, OnnxEngine) is None


def test_a_file_goes_before_the_profile_s_face_model(bfm2009, data_home):
    path = data_home / "models" / "bfm2009.npz"
    assert face_model_of("default", path).name == face_model_of("extreme3d").name == "bfm2009"
    path.rename(path.with_name("elsewhere.npz"))
    assert face_model_of("extreme3d", path.with_name("elsewhere.npz")).name == "bfm2009"


def test_coefficients_of_one_model_are_not_given_to_another():
    with pytest.raises(ModelFileError, match="bfm2009") as caught:
        face_model_of("extreme3d", DEFAULT_MODEL)
    assert "\n" not in str(caught.value)


COMMANDS = [
    ["reconstruct", "x.png", "--out", "out"],
    ["bench", "--frames", "1"],
    ["run", "--seconds", "1"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
class TestMissing:
    def told(self, command, capsys, monkeypatch, folder, *words):
        if command[0] == "run":
            pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
        monkeypatch.chdir(folder)
        capsys.readouterr()
        assert main([*command, "--profile", "extreme3d"]) == 4
        line = capsys.readouterr().err
        assert line.startswith("extreme3d: ") and line.count("\n") == 1 and all(word in line for word in words)

    def test_face_model(self, command, tmp_path, capsys, monkeypatch, data_home):
        path = data_home / "models" / "bfm2009.npz"
        self.told(command, capsys, monkeypatch, tmp_path, str(path), "extreme3d models import bfm2009")

    def test_network(self, bfm2009, command, tmp_path, capsys, monkeypatch, data_home):
        path = data_home / "networks" / "shape2018.onnx"
        self.told(command, capsys, monkeypatch, tmp_path, str(path), "extreme3d models import shape2018")

    def test_broken_network(self, bfm2009, command, tmp_path, capsys, monkeypatch, data_home):
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
        path = data_home / "networks" / "shape2018.onnx"
        path.parent.mkdir()
        path.write_bytes(b"no network")
        self.told(command, capsys, monkeypatch, tmp_path, str(path), "import")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_profile_that_is_unknown(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--profile", "other"])
    line = capsys.readouterr().err
    assert caught.value.code == 2 and all(name in line for name in PROFILES)


class TestNetworkInput:
    def test_is_the_published_crop(self):
        """Rows and columns 6 to 506; a pixel's colours stay blue, green, red."""
        image = np.full((512, 512, 3), 255, np.uint8)
        image[6:506, 6:506] = (10, 20, 30)
        got = network_input(image)
        assert got.shape == (1, 3, 224, 224) and got.dtype == np.float32 and got.flags.c_contiguous
        np.testing.assert_array_equal(got[0, :, ::223, ::223], np.tile(np.float32([10, 20, 30])[:, None, None], (2, 2)))
        assert np.ptp(got[0].reshape(3, -1), axis=1).max() == 0

    def test_keeps_places_and_averages(self):
        columns = np.arange(512) - 6
        image = np.tile((columns / 2).clip(0, 255).astype(np.uint8)[None, :, None], (512, 1, 3))
        want = (np.arange(224) + 0.5) * 500 / 224 - 0.5
        assert np.abs(network_input(image)[0, 0, 100] - (want / 2)).max() < 1
        stripes = np.zeros((512, 512, 3), np.uint8)
        stripes[:, ::2] = 200
        assert np.abs(network_input(stripes) - 100).max() < 25
