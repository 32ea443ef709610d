"""Face models of others: each format gives the source's own F (Eqs. 1 and 2) in our units and frame; a broken or
hostile file is a clear error."""

import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from broken_files import Trap
from fit_helpers import plain_evidence
from importer_sources import (
    FLIP,
    bfm_arrays,
    deep3d_arrays,
    ict_arrays,
    synthetic,
    with_expression_mean,
    write_h5,
    write_ict_folder,
    write_mat,
    write_npz,
)

from extreme3d_ros.camera import Camera
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.fitting import PointFitter
from extreme3d_ros.face_model.importers import import_model, obj
from extreme3d_ros.face_model.soundness import faults
from extreme3d_ros.face_model.twins import edge_twins, face_twins
from extreme3d_ros.geometry.subdivision import unique_edges
from extreme3d_ros.networks.importers.onnx_file import announce
from extreme3d_ros.untrusted import confined, named_arrays
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.confined import read_confined

ICT = Path(__file__).parents[1] / "../shared/data/ict_facekit"
FORMATS = ["bfm2009 h5", "bfm2009 mat", "bfm2009 mat 7", "bfm2009 mat 7.3", "deep3d mat", "ict npz", "ict folder"]


def h5py_or_skip():
    return pytest.importorskip("h5py", reason="h5py is not installed (extra: importers)")


@pytest.fixture(scope="module")
def face():
    return synthetic()


def write(kind, folder, face):
    """A file of the kind, and the importer's name for it."""
    if kind in ("bfm2009 h5", "bfm2009 mat 7.3"):
        h5py_or_skip()
    writers = {
        "bfm2009 h5": lambda: write_h5(folder / "model.h5", bfm_arrays(face)),
        "bfm2009 mat": lambda: write_mat(folder / "model.mat", bfm_arrays(face)),
        "bfm2009 mat 7": lambda: write_mat(folder / "model.mat", bfm_arrays(face), packed=True),
        "bfm2009 mat 7.3": lambda: write_h5(folder / "model.mat", bfm_arrays(face), transposed=True),
        "deep3d mat": lambda: write_mat(folder / "model.mat", deep3d_arrays(face)),
        "ict npz": lambda: write_npz(folder / "ict_facekit.npz", ict_arrays(face)),
        "ict folder": lambda: write_ict_folder(folder / "FaceXModel", face),
    }
    return kind.split()[0], writers[kind]()


@pytest.fixture(params=FORMATS, scope="module")
def imported(request, face, tmp_path_factory):
    """The model and what it was made from."""
    face = with_expression_mean(face) if request.param.startswith("bfm2009") else face
    return import_model(*write(request.param, tmp_path_factory.mktemp("source"), face)), face


class TestEveryFormat:
    def test_gives_the_source_s_own_faces(self, imported):
        model, face = imported
        rng = np.random.default_rng(0)
        for _ in range(5):
            alpha, eta = rng.normal(size=len(face.shape)), rng.normal(size=len(face.expression))
            want = face.evaluate(alpha, eta) - face.sellion
            np.testing.assert_allclose(model.vertices(alpha, eta), want, atol=1e-5, rtol=0)

    def test_gives_all_triangles_counter_clockwise(self, imported):
        model, face = imported
        same = {frozenset(corners) for corners in face.faces.tolist()}
        assert {frozenset(corners) for corners in model.faces.tolist()} == same and len(model.faces) == len(face.faces)
        a, b, c = model.mean[model.faces].transpose(1, 0, 2)
        assert (np.cross(b - a, c - a)[:, 2] > 0).mean() > 0.95

    def test_has_twins(self, imported):
        model, face = imported
        assert (model.mirror == face.pair).all() and (model.mirror_faces >= 0).all()

    def test_puts_mediapipe_s_points_where_ours_are(self, imported):
        """Within a grid cell: the source is the shipped mean's face, sampled every 5 mm."""
        model, ours = imported[0], load_face_model()
        shift = (ours.landmarks68.on(ours.faces, ours.mean) - model.landmarks68.on(model.faces, model.mean)).mean(0)
        for points, tolerance in (("landmarks68", 6e-3), ("landmarks468", 4e-3)):
            wanted = getattr(ours, points).on(ours.faces, ours.mean)
            found = getattr(model, points).on(model.faces, model.mean) + shift
            off = np.linalg.norm(wanted - found, axis=1)
            assert np.median(off) < tolerance / 2 and np.quantile(off, 0.95) < tolerance

    def test_is_a_sound_model_with_regions(self, imported):
        model = imported[0]
        assert faults(model) == [] and set(np.unique(model.regions)) == {0, 1, 2, 3, 4}
        assert model.mean.dtype == model.shape_modes.dtype == np.float32 and model.faces.dtype == np.int32
        assert 0 <= model.uv.min() and model.uv.max() <= 1

    def test_can_be_fitted(self, imported):
        check_fit(imported[0], coefficients=0.5)


def check_fit(model, coefficients, degrees=1.0, millimetres=8.0):
    """The fitter recovers the pose from the model's own 468 points, projected."""
    camera = Camera.assumed(640, 480)
    rng = np.random.default_rng(1)
    shape = coefficients * rng.normal(size=len(model.shape_modes))
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    R, t = np.diag([1.0, -1.0, -1.0]) @ turn, np.array([0.02, 0.01, 0.6])
    points = model.landmarks468.on(model.faces, model.vertices(shape, [])) @ R.T + t
    known = plain_evidence(camera.project(points), camera, 0.6, len(model.shape_modes) + len(model.expression_modes))
    fit = PointFitter(model)(known, camera)
    assert np.degrees(np.arccos(np.clip((np.trace(fit.R.T @ R) - 1) / 2, -1, 1))) < degrees
    assert np.linalg.norm(fit.t - t) * 1e3 < millimetres


class TestIndices:
    def test_landmarks_are_the_source_s_own_vertices(self, face, tmp_path):
        model = import_model("bfm2009", write_mat(tmp_path / "model.mat", bfm_arrays(face)))
        np.testing.assert_array_equal(model.landmarks68.on(model.faces, model.mean), model.mean[face.landmarks])

    @pytest.mark.parametrize("key", ["innerLandmarkIndex", "outerLandmarkIndex"])
    def test_lists_of_another_length_are_not_taken_for_the_landmarks(self, face, tmp_path, key):
        arrays = bfm_arrays(face)
        arrays[key] = arrays[key][:, ::2]
        model = import_model("bfm2009", write_mat(tmp_path / "model.mat", arrays))
        off = np.linalg.norm(model.landmarks68.on(model.faces, model.mean) - model.mean[face.landmarks], axis=1)
        assert np.median(off) < 6e-3 and faults(model) == []

    def test_entries_of_pair_that_are_not_mutual_go_by_geometry(self, face, tmp_path):
        arrays = bfm_arrays(face)
        left = np.flatnonzero(face.mean[:, 0] > 0.01)[:40]
        arrays["pair"][left] = arrays["pair"][left[0]]
        model = import_model("bfm2009", write_mat(tmp_path / "model.mat", arrays))
        np.testing.assert_array_equal(model.mirror, face.pair)

    def test_either_orientation_of_the_triangles_will_do(self, face, tmp_path):
        arrays = bfm_arrays(face)
        arrays["faces"] = arrays["faces"][:, ::-1]
        model = import_model("bfm2009", write_mat(tmp_path / "model.mat", arrays))
        assert faults(model) == []


class TestAsymmetry:
    @pytest.fixture(scope="class")
    def lopsided(self, face, tmp_path_factory):
        """All quads split one way, so that no triangle has its mirror image; a degenerate and a third triangle."""
        arrays = deep3d_arrays(face)
        quads = face.faces.reshape(-1, 6)
        right = face.mean[quads].mean((1,))[:, 0] < 0
        a, b, c, d = quads[right][:, [0, 1, 4, 5]].T  # of [0, 1, 3], [1, 2, 3]
        flipped = np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)
        faces = np.concatenate([face.faces.reshape(-1, 6)[~right].reshape(-1, 3), flipped])
        extra = [[5, 5, 9], [*faces[0, [0, 2]], len(face.mean) - 1]]
        arrays["tri"] = (np.concatenate([faces, extra]) + 1).astype(np.int32)
        return import_model("deep3d", write_mat(tmp_path_factory.mktemp("odd") / "model.mat", arrays)), len(faces)

    def test_triangles_without_a_twin_say_so(self, lopsided):
        model, _ = lopsided
        lost = model.mirror_faces < 0
        assert 0.5 < lost.mean() < 1 or lost.all()
        kept = np.flatnonzero(~lost)
        own, twin = np.sort(model.faces[model.mirror_faces[kept]], 1), np.sort(model.mirror[model.faces[kept]], 1)
        np.testing.assert_array_equal(own, twin)

    def test_what_makes_the_mesh_no_manifold_is_left_out(self, lopsided):
        model, count = lopsided
        assert len(model.faces) == count

    def test_edges_have_near_twins_all_the_same(self, lopsided):
        model, _ = lopsided
        edges = unique_edges(model.faces)
        middle = model.mean[edges].mean(1)
        twins = edge_twins(edges, model.mirror, model.mean)
        assert np.linalg.norm(middle[twins] - middle * FLIP, axis=1).max() < 4e-3

    def test_the_shipped_model_s_twins_come_out_exactly(self):
        ours = load_face_model()
        np.testing.assert_array_equal(face_twins(ours.faces, ours.mirror), ours.mirror_faces)
        edges = unique_edges(ours.faces)
        twins = edge_twins(edges, ours.mirror, ours.mean)
        np.testing.assert_array_equal(edges[twins], np.sort(ours.mirror[edges], axis=1))


WRONG = {
    "missing": lambda a: None,
    "cut short": lambda a: a[..., :-1] if a.shape[0] == 1 or a.ndim == 3 else a[:-1],
    "not finite": lambda a: a * np.nan,
    "no numbers": lambda a: np.array(["text"] * 3),
    "empty": lambda a: a[..., :0],
}
#: Of HDF5 one: its arrays are checked where the others are.
KEYS = {
    "bfm2009 h5": ["shapePC"],
    "bfm2009 mat": ["shapeMU", "shapePC", "shapeEV", "expMU", "expPC", "expEV"],
    "deep3d mat": ["meanshape", "idBase", "exBase"],
    "ict npz": ["neutral", "identity", "expressions"],
}
INDEX_KEYS = {
    "bfm2009 h5": ["faces"],
    "bfm2009 mat": ["faces", "pair", "innerLandmarkIndex", "outerLandmarkIndex"],
    "deep3d mat": ["tri", "keypoints"],
    "ict npz": ["faces", "landmarks68"],
}
MAKE = {"bfm2009": bfm_arrays, "deep3d": deep3d_arrays, "ict": ict_arrays}
WRITE = {"h5": write_h5, "mat": write_mat, "npz": write_npz}


def refused(kind, path, *words):
    """Importing fails with one line that names the file."""
    with pytest.raises(ModelFileError) as caught:
        import_model(kind, path)
    message = str(caught.value)
    assert "\n" not in message and Path(path).name in message and len(message) < 400
    assert all(word in message for word in words)


def write_changed(kind_and_form, folder, face, key, change):
    kind, form = kind_and_form.split()
    if form == "h5":
        h5py_or_skip()
    arrays = MAKE[kind](face)
    changed = change(arrays.pop(key))
    if changed is not None:
        arrays[key] = changed
    if form == "h5":
        arrays = {name: array.astype("S") if array.dtype.kind == "U" else array for name, array in arrays.items()}
    return kind, WRITE[form](folder / f"odd.{form}", arrays)


@pytest.mark.parametrize("value", ["abc", {"a": 1.0}, np.ones(3) * 1j, np.array([[1.0], "x"], dtype=object)])
@pytest.mark.parametrize("packed", [False, True])
def test_of_mat_files_nothing_but_numbers_is_taken(face, tmp_path, value, packed):
    path = write_mat(tmp_path / "odd.mat", {**deep3d_arrays(face), "meanshape": value}, packed)
    refused("deep3d", path, "meanshape does not hold numbers")


@pytest.fixture
def within(monkeypatch):
    """Files of sound structure need no process of their own."""
    monkeypatch.setattr(
        named_arrays, "read_confined", lambda _, source, keys: named_arrays._read(source, keys.split(","))
    )


class TestBrokenFiles:
    @pytest.mark.parametrize("how", WRONG)
    @pytest.mark.parametrize("kind, key", [(kind, key) for kind, keys in KEYS.items() for key in keys])
    def test_wrong_numbers(self, within, face, tmp_path, kind, key, how):
        refused(*write_changed(kind, tmp_path, face, key, WRONG[how]))

    @pytest.mark.parametrize("value", [-5, 0, 10**5, 10**8])
    @pytest.mark.parametrize("kind, key", [(kind, key) for kind, keys in INDEX_KEYS.items() for key in keys])
    def test_index_out_of_range(self, within, face, tmp_path, kind, key, value):
        def change(array):
            array = array.copy()
            array.flat[7] = value - (kind == "ict npz" and value == 0) * 2
            return array

        refused(*write_changed(kind, tmp_path, face, key, change))

    @pytest.mark.parametrize("kind", ["bfm2009 h5", "bfm2009 mat"])
    def test_index_that_is_no_whole_number(self, face, tmp_path, kind):
        refused(*write_changed(kind, tmp_path, face, "faces", lambda a: a + 0.5), "faces")

    @pytest.mark.parametrize("keep", [0, 8, 100, 200, 600, 3000, 0.5, 0.98])
    @pytest.mark.parametrize("kind", ["bfm2009 h5", "bfm2009 mat", "bfm2009 mat 7", "deep3d mat", "ict npz"])
    def test_truncated(self, face, tmp_path, kind, keep):
        kind, path = write(kind, tmp_path, face)
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
        refused(kind, path)

    @pytest.mark.parametrize("kind", FORMATS[:-1])
    def test_flipped_bytes(self, face, tmp_path, kind):
        """Not all of them can be told; what can't be read is refused in one line, and nothing else happens."""
        kind, path = write(kind, tmp_path, face)
        whole, rng = path.read_bytes(), np.random.default_rng(0)
        for _ in range(3):
            data = bytearray(whole)
            for place in rng.integers(0, min(len(data), 3000), 5):
                data[place] = rng.integers(256)
            path.write_bytes(data)
            try:
                import_model(kind, path)
            except ModelFileError as error:
                assert "\n" not in str(error) and path.name in str(error)

    @pytest.mark.parametrize("kind", ["bfm2009", "deep3d", "ict"])
    def test_missing(self, tmp_path, kind):
        refused(kind, tmp_path / "nowhere.mat", "give ")

    @pytest.mark.parametrize("kind", ["bfm2009", "deep3d", "ict"])
    def test_a_folder_or_a_text(self, tmp_path, kind):
        refused(kind, tmp_path)
        (tmp_path / "text.mat").write_text("a text, long enough to have a header's length. " * 20)
        refused(kind, tmp_path / "text.mat")

    @pytest.mark.parametrize("kind", FORMATS)
    def test_another_unit(self, face, tmp_path, kind):
        small = replace(face, mean=face.mean / 10)
        name, path = write(kind, tmp_path, small)
        refused(name, path)

    def test_scrambled_landmarks(self, face, tmp_path):
        def shuffle(array):
            return np.random.default_rng(0).permutation(array.ravel())[None]

        refused(*write_changed("deep3d mat", tmp_path, face, "keypoints", shuffle), "landmarks")

    def test_obj_folder(self, face, tmp_path):
        folder = write_ict_folder(tmp_path / "kit", face)
        first = folder / "identity000.obj"
        text = first.read_text()
        for broken in ("", text[: len(text) // 3], text.replace("v ", "v x", 1), "v 1 2\n" * 9):
            first.write_text(broken)
            refused("ict", folder, "identity000")
        first.write_text(text + "f 1/1 2/1 99999/1\n")
        refused("ict", folder, "identity000")
        first.write_text(text)
        (folder / "generic_neutral_mesh.obj").unlink()
        refused("ict", folder / "generic_neutral_mesh.obj")


class TestHostileFiles:
    @pytest.fixture(autouse=True)
    def set_trap(self):
        Trap.sprung = False
        yield
        assert not Trap.sprung

    @pytest.mark.parametrize("kind", ["bfm2009", "deep3d", "ict"])
    def test_a_pickle(self, tmp_path, kind):
        path = tmp_path / "trap.mat"
        path.write_bytes(pickle.dumps(Trap()))
        refused(kind, path)

    def test_a_pickle_in_an_npz(self, face, tmp_path):
        arrays = {**ict_arrays(face), "neutral": np.array([Trap()], dtype=object)}
        refused("ict", write_npz(tmp_path / "trap.npz", arrays), "pickled")

    def test_links_to_other_files_are_not_followed(self, face, tmp_path):
        h5py = h5py_or_skip()
        write_h5(tmp_path / "other.h5", bfm_arrays(face))
        path = write_h5(tmp_path / "trap.h5", bfm_arrays(face))
        with h5py.File(path, "a") as file:
            del file["shapeMU"]
            file["shapeMU"] = h5py.ExternalLink("other.h5", "shapeMU")
        refused("bfm2009", path, "shapeMU")

    def test_sizes_are_checked_before_reading(self, face, tmp_path):
        h5py = h5py_or_skip()
        path = write_h5(tmp_path / "bomb.h5", bfm_arrays(face))
        with h5py.File(path, "a") as file:
            del file["shapePC"]
            file.create_dataset("shapePC", shape=(10**6, 10**6), dtype="f8", chunks=(1000, 1000))
        refused("bfm2009", path, "shapePC")

    def test_an_npz_s_header_may_not_promise_more_than_there_is(self, face, tmp_path):
        path = write_npz(tmp_path / "bomb.npz", ict_arrays(face))
        header = np.lib.format.magic(1, 0)
        text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000, 3), }"
        text = text.ljust(117) + b"\n"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "large.npz", "w") as target:
            for name in source.namelist():
                data = source.read(name)
                target.writestr(name, header + len(text).to_bytes(2, "little") + text if "neutral" in name else data)
        refused("ict", tmp_path / "large.npz", "neutral")


class TestSizes:
    """Small files that claim to be large ones, or unpack to such: refused before memory is taken for them."""

    def refused(self, kind, path, *words):
        tracemalloc.start()
        try:
            refused(kind, path, *words)
            assert tracemalloc.get_traced_memory()[1] < 20e6
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("rows", [480, 10**5, 2 * 10**9])
    def test_of_a_packed_matrix(self, tmp_path, rows):
        """Zeros, packed a thousandfold; the shape is believable, or not."""
        tail = struct.pack("<II", 9, min(rows * 8000, 2**32 - 8)) + bytes(64 << 20)
        head = (
            struct.pack("<IIIIIIii", 6, 8, 6, 0, 5, 8, rows, 1000) + struct.pack("<II", 1, 9) + b"meanshape" + bytes(7)
        )
        body = head + tail
        packed = zlib.compress(struct.pack("<II", 14, len(body)) + body, 1)
        path = tmp_path / "bomb.mat"
        path.write_bytes(bytes(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)
        self.refused("deep3d", path)

    def test_of_a_matrix_that_is_there_twice(self, face, tmp_path):
        path = write_mat(tmp_path / "twice.mat", deep3d_arrays(face))
        data = path.read_bytes()
        path.write_bytes(data + data[128:])
        self.refused("deep3d", path, "twice")

    def test_of_all_arrays_together(self, face, tmp_path):
        """Each is small enough; what was never written takes no place in the file."""
        h5py = h5py_or_skip()
        path = write_h5(tmp_path / "bomb.h5", bfm_arrays(face))
        with h5py.File(path, "a") as file:
            for key in ("shapePC", "expPC", "shapeMU"):
                del file[key]
                file.create_dataset(key, shape=(10**5, 500), dtype="f8", chunks=(1000, 500))
        assert path.stat().st_size < 1e6
        self.refused("bfm2009", path, "1024 MB")

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_of_an_archive_packed_otherwise(self, tmp_path, method):
        """zipfile unpacks all that a piece of such a file holds at once."""
        path = tmp_path / "bomb.npz"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("neutral.npy", bytes(5 << 20))
        self.refused("ict", path, "packed")

    @pytest.mark.parametrize("kind", ["V0", "S0", "<c16", "<m8[s]"])
    def test_of_types_that_are_no_numbers(self, face, tmp_path, kind):
        path = tmp_path / "odd.npz"
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (900000000000,), }}\n".encode()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("neutral.npy", np.lib.format.magic(1, 0) + struct.pack("<H", len(text)) + text)
        self.refused("ict", path, "neutral")

    @pytest.mark.parametrize("line", ["v 1 2 3\n", "f 1 2 3\n"])
    def test_of_a_mesh(self, tmp_path, monkeypatch, line):
        monkeypatch.setattr(obj, "MOST_VERTICES", 1000)
        monkeypatch.setattr(obj, "MOST_TRIANGLES", 1000)
        (tmp_path / "generic_neutral_mesh.obj").write_text(line * 10**6)
        self.refused("ict", tmp_path, "more than 1000")

    def test_of_a_line(self, tmp_path):
        (tmp_path / "generic_neutral_mesh.obj").write_text("f " + "1 " * 10**6)
        self.refused("ict", tmp_path, "line")


@pytest.mark.parametrize(
    "text", ["v 1 2 3 \n" * 4 + "f 1 2 3 4 1\n" * 4, "v 1 2\n" * 6, "v 1 2 3\n" * 3 + "f 1 2 9" + "9" * 30]
)
def test_an_obj_of_other_polygons_or_numbers_is_refused(tmp_path, text):
    (tmp_path / "generic_neutral_mesh.obj").write_text(text)
    refused("ict", tmp_path, "no OBJ file")


def test_a_pipe_is_not_waited_for(face, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for kind in ("bfm2009", "deep3d", "ict"):
        refused(kind, tmp_path / "pipe", "no file")
    folder = write_ict_folder(tmp_path / "kit", face)
    os.mkfifo(folder / "identity999.obj")
    refused("ict", folder, "identity999.obj is no file")
    with pytest.raises(OSError, match="no file"):
        announce(tmp_path / "pipe")


def test_a_key_of_control_characters_makes_no_second_line(tmp_path):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a\x1b\r\u2028" + "b" * 5000, b"no array")
    refused("ict", path)


class TestConfined:
    """What is read in a process of its own."""

    @pytest.mark.parametrize(
        "code, word",
        [
            ("os.kill(os.getpid(), 11)", "SIGSEGV"),
            ("answer(lambda: {'a': np.ones(5 << 30, np.uint8)}, sys.argv[1])", "MemoryError"),
            ("answer(lambda: 1 / 0, sys.argv[1])", "division by zero"),
            ("time.sleep(60)", "more than 2 s"),
            ("pass", "did not come through"),
        ],
    )
    def test_ends_in_a_line_however_it_ends(self, tmp_path, monkeypatch, code, word):
        start = "import os, sys, time\nimport numpy as np\nfrom extreme3d_ros.untrusted.confined import answer\n"
        end = f"sys.exit({code})" if code.startswith("answer") else code
        (tmp_path / "odd_reader.py").write_text(start + end)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        monkeypatch.setattr(confined, "PATIENCE", 2.0 if "sleep" in code else 60.0)
        with pytest.raises(Broken, match=word) as caught:
            read_confined("odd_reader")
        assert "\n" not in str(caught.value)

    def test_hdf5_s_own_errors_come_through(self, face, tmp_path):
        h5py_or_skip()
        path = write_h5(tmp_path / "cut.h5", bfm_arrays(face))
        path.write_bytes(path.read_bytes()[:2000])
        refused("bfm2009", path, "broken: OSError")


def test_without_h5py_one_line_says_what_to_install(face, tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused("bfm2009", path, "importers", "pip install")


@pytest.fixture(scope="module")
def full():
    return import_model("ict", ICT)


@pytest.mark.skipif(not ICT.exists(), reason="ICT-FaceKit's data is not on this machine")
class TestIctFaceKit:
    def test_is_the_face_area_at_full_resolution(self, full):
        assert full.mean.shape == (9409, 3) and len(full.faces) == 18460
        assert len(full.shape_modes) == 100 and len(full.expression_modes) == 53
        assert (full.mirror_faces >= 0).all() and faults(full) == []

    def test_evaluates_the_source_s_equations(self, full):
        with np.load(ICT / "ict_facekit.npz", allow_pickle=False) as data:
            neutral, identity, expressions = (data[key] for key in ("neutral", "identity", "expressions"))
        rng = np.random.default_rng(3)
        alpha, eta = rng.normal(size=100), rng.uniform(size=53)
        want = neutral[:9409].astype(float)
        want = want + np.einsum("k,kvc->vc", alpha, identity[:, :9409].astype(float))
        want = want + np.einsum("k,kvc->vc", eta, expressions[:, :9409].astype(float))
        off = full.vertices(alpha, eta) - want / 100
        assert np.abs(off - off.mean(0)).max() < 1e-5 and abs(off.mean(0)[0]) < 1e-5

    def test_fits_its_own_points(self, full):
        check_fit(full, coefficients=1.0, degrees=2.0, millimetres=20.0)

    def test_the_road_runs_on_it(self, full):
        """FastPath and Completion on scikit-image's astronaut; the pose is that of the shipped model, nearly."""
        pytest.importorskip("skimage", reason="scikit-image is not installed (extra: demo)")
        from extreme3d_ros.input.frames import frame_of
        from extreme3d_ros.input.images import demo_image
        from extreme3d_ros.pipeline import Completion, FastPath

        frame, poses = frame_of(demo_image()), []
        for model in (full, load_face_model()):
            fast = FastPath(model)
            (seen,) = fast(frame)
            mesh = Completion(model)(seen.crop, seen.foundation, seen.layers).mesh
            assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()
            assert seen.confidence > 0.5 and len(seen.foundation.vertices) == len(model.mean)
            poses.append(seen.foundation)
        turn = np.degrees(np.arccos((np.trace(poses[0].R.T @ poses[1].R) - 1) / 2))
        assert turn < 5 and np.linalg.norm(poses[0].t - poses[1].t) < 0.1 * poses[1].t[2]
