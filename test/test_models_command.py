"""`extreme3d models`: import, list, verify; and the other commands with an imported model."""

import json
import shutil

import cv2
import numpy as np
import pytest
from importer_sources import deep3d_arrays, synthetic, write_mat, write_npz

from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.importers import KINDS, import_model
from extreme3d_ros.face_model.model import DEFAULT_MODEL
from extreme3d_ros.folders import models_folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_mat(tmp_path_factory.mktemp("source") / "BFM_model_front.mat", deep3d_arrays(synthetic()))


@pytest.fixture(scope="module")
def written(source, tmp_path_factory):
    """An imported model's file."""
    path = tmp_path_factory.mktemp("imported") / "new" / "model.npz"
    assert main(["models", "import", "deep3d", str(source), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def arrays(written):
    """Those of an imported model's file."""
    with np.load(written) as data:
        return dict(data)


@pytest.fixture(autouse=True)
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def imported(written, data_home):
    """The user's models' folder with that file."""
    folder = data_home / "extreme3d_ros" / "models"
    folder.mkdir(parents=True)
    shutil.copy(written, folder / "deep3d.npz")
    return folder


class TestImport:
    def test_writes_what_load_face_model_reads(self, source, written):
        want, got = import_model("deep3d", source), load_face_model(written)
        assert got.name == want.name
        for key in ("mean", "shape_modes", "expression_modes", "faces", "mirror", "mirror_faces", "uv", "regions"):
            np.testing.assert_array_equal(getattr(got, key), getattr(want, key))
            assert getattr(got, key).dtype == getattr(want, key).dtype
        for key in ("landmarks68", "landmarks468"):
            np.testing.assert_array_equal(getattr(got, key).triangles, getattr(want, key).triangles)
            np.testing.assert_array_equal(getattr(got, key).barycentric, getattr(want, key).barycentric)

    def test_goes_to_the_user_s_data_folder(self, source, data_home, capsys):
        assert main(["models", "import", "deep3d", str(source)]) == 0
        path = data_home / "extreme3d_ros" / "models" / "deep3d.npz"
        assert path.exists() and str(path) in capsys.readouterr().out

    def test_the_data_folder_is_in_the_home_by_default(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        for value in ("", "relative/path"):
            monkeypatch.setenv("XDG_DATA_HOME", value)
            assert models_folder() == tmp_path / ".local" / "share" / "extreme3d_ros" / "models"

    def test_what_cannot_be_imported_ends_with_4_and_leaves_nothing(self, source, tmp_path, data_home, capsys):
        (tmp_path / "odd.mat").write_bytes(source.read_bytes()[:5000])
        assert main(["models", "import", "deep3d", str(tmp_path / "odd.mat")]) == 4
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and "odd.mat" in line and not list(data_home.rglob("*.npz"))

    def test_a_place_that_cannot_be_written_ends_with_2(self, source, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert main(["models", "import", "deep3d", str(source), "--out", str(tmp_path / "file" / "m.npz")]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_offers_the_kinds_there_are(self, capsys):
        with pytest.raises(SystemExit) as caught:
            main(["models", "import", "unknown", "file"])
        line = capsys.readouterr().err
        kinds = [*KINDS, "shape2018", "bump2018"]
        assert caught.value.code == 2 and all(kind in line for kind in kinds)
        for kind in kinds:
            assert main(["models", "import", kind, "nowhere"]) == 4


class TestList:
    def test_shows_the_shipped_and_the_imported(self, imported, capsys):
        (imported / "odd.npz").write_bytes(b"")
        assert main(["models", "list"]) == 0
        head, shipped, imported, broken, *_ = capsys.readouterr().out.splitlines()
        assert head.split() == ["name", "vertices", "triangles", "modes", "file"]
        assert shipped.split() == ["ict-face-99-29", "9578", "18962", "99", "+", "29", str(DEFAULT_MODEL)]
        assert imported.startswith("deep3d-bfm") and "6 + 4" in imported and imported.endswith("deep3d.npz")
        assert broken.startswith("(broken)") and broken.endswith("odd.npz")

    def test_shows_the_catalogue_of_networks_and_what_to_do_for_those_that_are_not_there(self, capsys):
        assert main(["models", "list"]) == 0
        _, _, head, *rows = capsys.readouterr().out.splitlines()
        assert head.split() == ["network", "MB", "profiles", "file"]
        assert [row.split()[0] for row in rows[:4]] == ["foundation", "bump", "shape2018", "bump2018"]
        assert rows[0].endswith("data/foundation.onnx")
        assert rows[2].endswith("not there: make it with `extreme3d models import shape2018 shape_model.pth`")
        assert rows[4].startswith("foundation: ") and "licence: Apache-2.0" in rows[4] and "rotation" in rows[4]


class TestVerify:
    def test_all(self, imported, capsys):
        assert main(["models", "verify"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 4 and all(": sound; " in line for line in lines)
        assert all("its SHA-256 is the catalogue's" in line for line in lines[2:])

    def test_a_broken_one_does_not_keep_the_others_from_being_checked(self, imported, capsys):
        (imported / "a.npz").write_bytes(b"")
        assert main(["models", "verify"]) == 4
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 4 and len(err.splitlines()) == 1 and "a.npz" in err

    @pytest.mark.parametrize(
        "key, change, word",
        [
            ("mean", lambda a: a * [-1, 1, 1], "left"),
            ("mean", lambda a: a * [1, -1, 1], "upwards"),
            ("mean", lambda a: a * [1, 1, -1], "out of the face"),
            ("mean", lambda a: a + [0, 0.1, 0], "origin"),
            ("faces", lambda a: a[:, ::-1], "inside"),
            ("landmarks468_triangles", lambda a: a[::-1], "meet"),
            ("landmarks68_barycentric", lambda a: a * 2, "beside"),
        ],
    )
    def test_what_fits_together_but_is_no_face(self, arrays, tmp_path, capsys, key, change, word):
        path = write_npz(tmp_path / "model.npz", {**arrays, key: change(arrays[key])})
        assert main(["models", "verify", str(path)]) == 4
        line = capsys.readouterr().err
        assert word in line and line.count("\n") == 1

    @pytest.mark.parametrize(
        "key, change",
        [
            ("layout", lambda a: np.array("other")),
            ("layout", lambda a: np.array([{}], dtype=object)),
            ("mean", lambda a: a[:-1]),
            ("mean", lambda a: a * np.nan),
            ("mean", lambda a: a[:2]),
            ("shape_modes", lambda a: a[:, :5]),
            ("faces", lambda a: a + 10**6),
            ("faces", lambda a: a - 1),
            ("faces", lambda a: a.astype(float)),
            ("mirror", lambda a: a[1:]),
            ("mirror", lambda a: a - 10**6),
            ("regions", lambda a: a + 200),
            ("landmarks68_triangles", lambda a: a[:67]),
            ("name", lambda a: np.array(["a", "b"])),
        ],
    )
    def test_arrays_that_do_not_fit(self, arrays, tmp_path, capsys, key, change):
        path = write_npz(tmp_path / "odd.npz", {**arrays, key: change(arrays[key])})
        with pytest.raises(ModelFileError, match=r"odd\.npz"):
            load_face_model(path)
        assert main(["models", "verify", str(path)]) == 4
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_file_that_is_not_there(self, capsys):
        assert main(["models", "verify", "nowhere.npz"]) == 4
        assert "models import" in capsys.readouterr().err


class TestFaceModelOption:
    def test_reconstruct_names_the_model_and_gives_its_coefficients(self, written, tmp_path):
        pytest.importorskip("skimage", reason="scikit-image is not installed (extra: demo)")
        from extreme3d_ros.input.images import demo_image

        cv2.imwrite(str(tmp_path / "astronaut.png"), demo_image())
        arguments = [str(tmp_path / "astronaut.png"), "--out", str(tmp_path / "out"), "--quiet"]
        assert main(["reconstruct", *arguments, "--face-model", str(written)]) == 0
        (face,) = json.loads((tmp_path / "out" / "astronaut.json").read_text())["faces"]
        assert face["model"] == load_face_model(written).name
        assert len(face["shape"]) == 6 and len(face["expression"]) == 4

    def test_a_file_that_is_not_there(self, tmp_path, capsys):
        for command in (["reconstruct", "x.png", "--out", str(tmp_path)], ["bench", "--frames", "1"]):
            assert main([*command, "--face-model", "nowhere.npz"]) == 4
            assert "nowhere.npz" in capsys.readouterr().err
