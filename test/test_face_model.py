"""The shipped face model: exact symmetry, a disc, metres, sound landmarks; and a broken file is a clear error."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from broken_files import Trap

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.model import BROW, DEFAULT_MODEL, EYE, LIP, MOUTH_INTERIOR, SKIN
from extreme3d_ros.geometry.normals import vertex_normals

ICT = Path(__file__).parents[1] / "../shared/data/ict_facekit"
FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def model():
    return load_face_model()


def directed_edges(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def boundary(faces):
    """Directed edges (E, 2) without an opposite."""
    edges = directed_edges(faces).astype(np.int64)
    keys = edges[:, 0] << 32 | edges[:, 1]
    return edges[~np.isin(keys, edges[:, 1] << 32 | edges[:, 0])]


def uv_areas(model):
    a, b, c = model.uv[model.faces].astype(np.float64).transpose(1, 0, 2)
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


class TestSymmetry:
    def test_mirror_is_an_involution_with_the_midline_fixed(self, model):
        count = np.arange(len(model.mean))
        assert (model.mirror[model.mirror] == count).all()
        middle = model.mirror == count
        assert (model.mean[middle, 0] == 0).all() and (model.mean[~middle, 0] != 0).all()

    def test_mean_is_exactly_symmetric(self, model):
        assert (model.mean[model.mirror] * FLIP == model.mean).all()

    @pytest.mark.parametrize("name", ["shape_modes", "expression_modes"])
    def test_each_mode_is_exactly_symmetric_or_antisymmetric(self, model, name):
        for mode in getattr(model, name):
            twin = mode[model.mirror] * FLIP
            assert (twin == mode).all() or (twin == -mode).all()

    def test_faces_mirror_into_faces(self, model):
        assert (model.mirror[model.faces][:, [0, 2, 1]] == model.faces[model.mirror_faces]).all()
        assert (model.mirror_faces[model.mirror_faces] == np.arange(len(model.faces))).all()

    def test_no_triangle_crosses_the_midline(self, model):
        x = model.mean[model.faces][..., 0]
        assert ((x >= 0).all(1) | (x <= 0).all(1)).all()

    def test_uv_and_regions_are_symmetric(self, model):
        assert np.abs(model.uv[model.mirror] * [-1, 1] + [1, 0] - model.uv).max() < 1e-6
        assert (model.regions[model.mirror] == model.regions).all()


class TestTopology:
    def test_is_a_manifold_disc_consistently_oriented(self, model):
        edges = directed_edges(model.faces)
        assert len(np.unique(edges, axis=0)) == len(edges)  # no edge twice in one direction
        undirected = len(np.unique(np.sort(edges, axis=1), axis=0))
        assert len(model.mean) - undirected + len(model.faces) == 1
        assert (np.bincount(model.faces.ravel(), minlength=len(model.mean)) > 0).all()

    def test_has_one_boundary_loop(self, model):
        follow = dict(boundary(model.faces).tolist())
        start = vertex = next(iter(follow))
        for _ in follow:
            vertex = follow[vertex]
            if vertex == start:
                break
        steps = len(boundary(model.faces))
        seen, vertex = 0, start
        while seen == 0 or vertex != start:
            vertex, seen = follow[vertex], seen + 1
        assert seen == steps == len(follow)

    def test_normals_point_out_of_the_face(self, model):
        assert (vertex_normals(model.mean, model.faces)[:, 2] > 0).mean() > 0.9

    def test_triangles_are_well_shaped(self, model):
        p = model.mean[model.faces].astype(np.float64)
        cosines = []
        for i in range(3):
            a, b = p[:, (i + 1) % 3] - p[:, i], p[:, (i + 2) % 3] - p[:, i]
            cosines.append((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
        smallest = np.degrees(np.arccos(np.max(cosines, axis=0)))
        assert smallest.min() > 10 and (smallest > 25).mean() > 0.98

    def test_uv_layout_is_bijective(self, model):
        assert model.uv.min() >= 0 and model.uv.max() <= 1
        # Positive areas inside a convex, simply traversed rim leave no room for overlap.
        assert (uv_areas(model) > 0).all()
        rim = np.array([i for i, _ in boundary(model.faces)])
        angle = np.sort(np.arctan2(*(model.uv[rim] - 0.5).T[::-1]))
        assert (np.diff(angle) > 0).all()

    def test_every_region_is_there(self, model):
        assert set(np.unique(model.regions)) == {SKIN, BROW, EYE, LIP, MOUTH_INTERIOR}


class TestUnits:
    def test_has_the_paper_s_numbers_of_modes(self, model):
        assert len(model.shape_modes) == 99 and len(model.expression_modes) == 29

    def test_is_in_metres_with_the_sellion_at_the_origin(self, model):
        points = model.landmarks68.on(model.faces, model.mean)
        assert 0.080 < np.linalg.norm(points[36] - points[45]) < 0.100
        assert np.linalg.norm(points[27]) < 0.01
        middle = model.mean[model.mirror == np.arange(len(model.mean))]
        assert np.abs(middle[:, 1:]).max(1).min() < 1e-6

    def test_x_runs_to_the_person_s_left_y_up_z_out(self, model):
        points = model.landmarks68.on(model.faces, model.mean)
        assert points[45, 0] > 0 > points[36, 0]  # the left eye's outer corner is number 45
        assert points[27, 1] > points[8, 1] and points[30, 2] > points[27, 2]

    def test_modes_are_of_the_size_of_a_deviation(self, model):
        for modes in (model.shape_modes, model.expression_modes):
            size = np.sqrt((modes.astype(np.float64) ** 2).sum(2).mean(1))
            assert 1e-3 < size[0] < 10e-3 and (np.diff(size) < 1e-6).all() and size[-1] > 1e-6


class TestVertices:
    def test_without_coefficients_it_is_the_mean(self, model):
        assert (model.vertices(np.zeros(99), np.zeros(29)) == model.mean).all()
        assert (model.vertices(np.zeros(0), np.zeros(0)) == model.mean).all()

    def test_adds_the_modes(self, model):
        got = model.vertices(np.array([0.0, 2.0]), np.array([-1.0]))
        want = model.mean + 2 * model.shape_modes[1] - model.expression_modes[0]
        np.testing.assert_allclose(got, want, atol=1e-7)

    def test_types(self, model):
        assert model.mean.dtype == model.shape_modes.dtype == model.expression_modes.dtype == np.float32
        assert model.faces.dtype == model.mirror.dtype == np.int32
        assert model.vertices(np.ones(99), np.ones(29)).dtype == np.float32


class TestLandmarks:
    @pytest.mark.parametrize("name, count", [("landmarks68", 68), ("landmarks468", 468)])
    def test_lie_within_their_triangles(self, model, name, count):
        embedding = getattr(model, name)
        assert embedding.triangles.shape == (count,) and embedding.barycentric.shape == (count, 3)
        assert embedding.triangles.min() >= 0 and embedding.triangles.max() < len(model.faces)
        assert embedding.barycentric.min() >= 0
        np.testing.assert_allclose(embedding.barycentric.sum(1), 1, atol=1e-5)

    def test_68_are_symmetric(self, model):
        points = model.landmarks68.on(model.faces, model.mean)
        np.testing.assert_allclose(points[:17], points[16::-1] * FLIP, atol=1e-7)
        np.testing.assert_allclose(points[[36, 39, 48, 31]], points[[45, 42, 54, 35]] * FLIP, atol=1e-7)
        assert np.abs(points[[8, 27, 30, 33, 51, 62, 66, 57], 0]).max() == 0

    def test_468_are_symmetric(self, model):
        points = model.landmarks468.on(model.faces, model.mean)
        right, left = [33, 61, 234, 227, 79, 459, 107, 70, 21, 132], [263, 291, 454, 447, 309, 239, 336, 300, 251, 361]
        np.testing.assert_allclose(points[right], points[left] * FLIP, atol=1e-6)
        assert np.abs(points[[10, 152, 1, 4, 0, 17, 13, 14], 0]).max() < 1e-7

    def test_468_agree_with_the_68(self, model):
        """MediaPipe's eye corners, nose tip and mouth corners against the standard ones, within 5 mm."""
        ours = model.landmarks68.on(model.faces, model.mean)[[36, 39, 42, 45, 48, 54]]
        theirs = model.landmarks468.on(model.faces, model.mean)[[33, 133, 362, 263, 61, 291]]
        assert np.linalg.norm(ours - theirs, axis=1).max() < 5e-3

    def test_noise_is_plausible(self, model):
        assert model.landmark_noise.min() > 0.001 and np.median(model.landmark_noise) < 0.04


class TestBrokenFiles:
    def test_flipped_bytes(self, tmp_path):
        path, data = tmp_path / "bad.npz", bytearray(DEFAULT_MODEL.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=r"bad\.npz"):
            load_face_model(path)

    def test_pickle_is_not_run(self, tmp_path):
        path = tmp_path / "trap.npz"
        np.savez(path, mean=np.array([Trap()], dtype=object))
        Trap.sprung = False
        with pytest.raises(ModelFileError, match=r"trap\.npz"):
            load_face_model(path)
        bare = tmp_path / "bare.npz"
        bare.write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ModelFileError, match=r"bare\.npz"):
            load_face_model(bare)
        assert not Trap.sprung

    @pytest.mark.parametrize(
        "key, change",
        [
            ("mean", None),
            ("mean", lambda a: a[:-1]),
            ("mean", lambda a: a * np.nan),
            ("shape_modes", lambda a: a[:, :, :2]),
            ("shape_sign", lambda a: a * 0),
            ("expression_scale", lambda a: a * np.inf),
            ("faces", lambda a: a + np.uint16(20000)),
            ("faces", lambda a: a.astype(np.float32)),
            ("uv", lambda a: a[0]),
            ("regions", lambda a: a + 9),
            ("landmarks68_triangles", lambda a: a - 10**6),
            ("landmarks468_barycentric", lambda a: a[:400]),
            ("landmark_noise", lambda a: a[None]),
            ("midline", lambda a: a * 0),
            ("midline", lambda a: np.zeros(3)),
            ("name", None),
        ],
    )
    def test_wrong_arrays(self, tmp_path, key, change):
        with np.load(DEFAULT_MODEL) as data:
            arrays = dict(data)
        arrays[key] = change and change(arrays[key])
        if change is None:
            del arrays[key]
        path = tmp_path / "odd.npz"
        np.savez(path, **arrays)
        with pytest.raises(ModelFileError, match=r"odd\.npz is not a face model") as caught:
            load_face_model(path)
        assert "\n" not in str(caught.value)
        assert key in str(caught.value) or key == "mean"  # a shorter mean makes the others look too long

    def test_another_zip(self, tmp_path):
        path = tmp_path / "notes.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hello.txt", "no model")
        with pytest.raises(ModelFileError, match=r"notes\.npz"):
            load_face_model(path)


@pytest.mark.skipif(not ICT.exists(), reason="ICT-FaceKit is not here")
def test_our_surface_lies_on_ict_s(model):
    """The mean's standard landmarks stand to each other as those of ICT's neutral face."""
    with np.load(ICT / "ict_facekit.npz") as data:
        theirs = data["neutral"][data["landmarks68"]] / 100
    ours = model.landmarks68.on(model.faces, model.mean)
    offset = ours - theirs
    offset -= np.median(offset, axis=0)
    brows = np.arange(17, 27)
    assert np.linalg.norm(np.delete(offset, brows, axis=0), axis=1).max() < 2e-3
    # Theirs run along the brows' upper edge, ours along the middle of the hair.
    assert (offset[brows, 1] < 5e-4).all() and -4e-3 < offset[brows, 1].mean() < -1e-3
