"""`extreme3d reconstruct` on a real photograph: the files of CONTRACT.md, their types and units; and on bad input."""

import json
from collections import Counter

import cv2
import numpy as np
import pytest
import trimesh

from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import InputError
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.frames import read_camera
from extreme3d_ros.input.images import demo_image

FILES = {
    "foundation_frontal.ply",
    "foundation_aligned.ply",
    "withBump_aligned.ply",
    "sparse_full_frontal.ply",
    "final_frontal.ply",
    "final_aligned.ply",
    "bump.png",
    "layers.npz",
    "figure.png",
}
STAGES = "detection crop foundation raster bump occlusion hole_filling soft_symmetry zipper output".split()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "astronaut.png"
    cv2.imwrite(str(path), demo_image())
    return path


@pytest.fixture(scope="module")
def out(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    assert main(["reconstruct", str(image), "--out", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def said(out):
    return json.loads((out / "astronaut.json").read_text())


def mesh(out, name):
    return trimesh.load(out / f"astronaut_{name}.ply", process=False)


def test_all_files_are_there_and_no_others(out):
    assert {p.name for p in out.iterdir()} == {f"astronaut_{name}" for name in FILES} | {"astronaut.json"}


def test_json(said):
    assert said["image_size"] == [512, 512]
    np.testing.assert_allclose(said["K"], [[614.4, 0, 255.5], [0, 614.4, 255.5], [0, 0, 1]])
    (face,) = said["faces"]
    x, y, w, h = face["bbox"]
    assert 170 < x < 190 and 60 < y < 80 and 85 < w < 100 and 95 < h < 115
    R, t = np.array(face["pose"]["R"]), np.array(face["pose"]["t"])
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(R) == pytest.approx(1, abs=1e-5)
    assert 0.5 < t[2] < 1.3 and face["model"] == load_face_model().name
    assert len(face["shape"]) == 99 and len(face["expression"]) == 29
    assert 0 <= face["occluded_fraction"] < 0.4 and 0.5 < face["confidence"] <= 1
    assert set(face["timings_ms"]) == set(STAGES) and min(face["timings_ms"].values()) > 0


def test_landmarks_lie_on_the_picture(said):
    points = np.array(said["faces"][0]["landmarks68"])
    assert points.shape == (68, 2)
    by_hand = {30: (223, 126), 36: (193, 100), 45: (259, 104), 48: (203, 140), 54: (248, 139), 8: (221, 178)}
    for index, place in by_hand.items():  # nose tip, outer eye corners, mouth corners, chin
        assert np.hypot(*(points[index] - place)) < 5, index


def test_layers(out):
    with np.load(out / "astronaut_layers.npz", allow_pickle=False) as layers:
        assert set(layers) == {"bump", "bump_raw", "mask", "occlusion", "crop_to_image"}
        for name, dtype in {"bump": "f4", "bump_raw": "f4", "mask": "u1", "occlusion": "u1"}.items():
            assert layers[name].shape == (512, 512) and layers[name].dtype == np.dtype(dtype)
        assert set(np.unique(layers["mask"])) == {0, 255} and set(np.unique(layers["occlusion"])) <= {0, 1, 2, 3}
        assert (layers["mask"] == 255).sum() > 20_000
        assert 1e-5 < np.abs(layers["bump"]).max() < 5e-3  # metres
        np.testing.assert_array_equal(layers["bump"][layers["occlusion"] == 0], 0)
        assert layers["crop_to_image"].shape == (3, 3)
        encoded = cv2.imread(str(out / "astronaut_bump.png"), cv2.IMREAD_UNCHANGED)
        assert encoded.shape == (512, 512) and encoded.dtype == np.uint8
        np.testing.assert_allclose((encoded - 127.0) / 12 * 1.25e-3, layers["bump"], atol=6e-5)


def test_crop_to_image_leads_back_to_the_face(out, said):
    with np.load(out / "astronaut_layers.npz") as layers:
        y, x = np.nonzero(layers["mask"])
        centre = layers["crop_to_image"] @ [x.mean(), y.mean(), 1]
    bx, by, bw, bh = said["faces"][0]["bbox"]
    assert bx < centre[0] < bx + bw and by < centre[1] < by + bh


@pytest.mark.parametrize("name", [f[:-4] for f in FILES if f.endswith(".ply")])
def test_meshes_are_binary_coloured_and_metric(out, name):
    head = (out / f"astronaut_{name}.ply").read_bytes()[:400]
    assert head.startswith(b"ply\nformat binary_little_endian 1.0")
    loaded = mesh(out, name)
    assert np.isfinite(loaded.vertices).all() and len(loaded.faces) > 10_000
    assert np.ptp(loaded.vertices[:, 1]) == pytest.approx(0.19, abs=0.05)
    assert len(np.unique(loaded.visual.vertex_colors[:, :3], axis=0)) > 500


def test_the_finished_mesh_is_one_manifold_surface_with_one_rim(out):
    final = mesh(out, "final_aligned")
    assert final.body_count == 1 and final.is_winding_consistent
    edges, uses = np.unique(final.edges_sorted, axis=0, return_counts=True)
    assert uses.max() == 2
    rim = trimesh.graph.connected_components(edges[uses == 1], min_len=1)
    assert len(list(rim)) == 1
    assert len(np.unique(final.faces)) == len(final.vertices)


def test_frontal_and_aligned_differ_by_the_pose(out, said):
    pose = said["faces"][0]["pose"]
    for kind in ("foundation", "final"):
        posed = mesh(out, f"{kind}_frontal").vertices @ np.array(pose["R"]).T + pose["t"]
        np.testing.assert_allclose(posed, mesh(out, f"{kind}_aligned").vertices, atol=1e-5)


def test_normals_of_the_finished_mesh_look_at_the_camera(out):
    final = mesh(out, "final_aligned")
    assert np.average(final.face_normals[:, 2], weights=final.area_faces) < -0.4


def test_without_completion(image, tmp_path):
    assert main(["reconstruct", str(image), "--out", str(tmp_path), "--no-complete"]) == 0
    names = {p.name for p in tmp_path.iterdir()}
    assert "astronaut_withBump_aligned.ply" in names and "astronaut_final_aligned.ply" not in names


def test_two_faces(tmp_path):
    two = np.zeros((512, 900, 3), np.uint8)
    two[:, :512] = demo_image()
    two[100:484, 516:] = cv2.resize(demo_image(), (384, 384), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "two.png"), two)
    assert main(["reconstruct", str(tmp_path / "two.png"), "--out", str(tmp_path / "out"), "--faces", "all"]) == 0
    faces = json.loads((tmp_path / "out" / "two.json").read_text())["faces"]
    assert len(faces) == 2 and faces[0]["bbox"][0] < 512 < faces[1]["bbox"][0]
    assert (tmp_path / "out" / "two_face1_final_frontal.ply").exists()


def save(path, image):
    cv2.imwrite(str(path), image)
    return path


def test_unusual_images_work(tmp_path):
    made = {
        "grey.png": cv2.cvtColor(demo_image(), cv2.COLOR_BGR2GRAY),
        "alpha.png": np.dstack([demo_image(), np.full((512, 512), 255, np.uint8)]),
        "huge.jpg": cv2.resize(demo_image(), (6000, 4000), interpolation=cv2.INTER_LINEAR),
        "deep.png": demo_image().astype(np.uint16) * 257,
    }
    paths = [str(save(tmp_path / name, picture)) for name, picture in made.items()]
    assert main(["reconstruct", *paths, "--out", str(tmp_path / "out"), "--quiet"]) == 0
    results = [path.name.partition(".")[0].partition("_")[0] for path in (tmp_path / "out").iterdir()]
    assert Counter(results) == {name.partition(".")[0]: len(FILES) + 1 for name in made}


def test_an_image_without_a_face_is_one_line_and_a_status(tmp_path, capsys):
    path = save(tmp_path / "noise.png", np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8))
    assert main(["reconstruct", str(path), "--out", str(tmp_path / "out")]) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no face" in line and str(path) in line
    assert not list((tmp_path / "out").iterdir())


def test_bad_input_is_one_line_and_a_status(image, tmp_path, capsys):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "truncated.png").write_bytes(image.read_bytes()[:2000])
    save(tmp_path / "tiny.png", demo_image()[:16, :16])
    told = {
        "tiny.png": "too small",
        "text.png": "cannot read",
        "truncated.png": "cannot read",
        "empty.png": "cannot read",
        "missing.png": "No such file",
        "folder": "cannot read",
    }
    paths = [str(tmp_path / name) for name in told]
    assert main(["reconstruct", *paths, "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == len(told)
    assert all(path in line and words in line for path, words, line in zip(paths, told.values(), lines)), lines
    assert not list((tmp_path / "out").iterdir())


def test_a_bad_image_does_not_keep_the_others_from_their_results(image, tmp_path):
    assert main(["reconstruct", str(tmp_path / "missing.png"), str(image), "--out", str(tmp_path)]) == 2
    assert (tmp_path / "astronaut.json").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["a.png", "b/a.png", "--out", "x"], "overwrite"),
        (["a.png", "--out", "{image}"], "cannot make the folder"),
        (["a.png", "--out", "x", "--device", "cuda"], "NVIDIA"),
        (["a.png", "--out", "{out}", "--camera-info", "none.yaml"], "none.yaml"),
    ],
)
def test_wrong_use(arguments, words, image, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled = [a.format(image=image, out=tmp_path) for a in arguments]
    assert main(["reconstruct", *filled]) == 2
    assert words in capsys.readouterr().err


def test_a_calibration_is_used(image, tmp_path):
    calibration = tmp_path / "camera.yaml"
    calibration.write_text(
        "image_width: 512\nimage_height: 512\n"
        "camera_matrix: {rows: 3, cols: 3, data: [1200, 0, 256, 0, 1200, 256, 0, 0, 1]}\n"
        "distortion_model: plumb_bob\ndistortion_coefficients: {rows: 1, cols: 5, data: [0.01, 0, 0, 0, 0]}\n"
    )
    arguments = ["reconstruct", str(image), "--out", str(tmp_path), "--camera-info", str(calibration), "--no-complete"]
    assert main(arguments) == 0
    face = json.loads((tmp_path / "astronaut.json").read_text())["faces"][0]
    assert 1.2 < face["pose"]["t"][2] < 2.2  # twice the focal length, twice the distance


MATRIX = "[600, 0, 256, 0, 600, 256, 0, 0, 1]"


def calibration(width="512", data=MATRIX, more=""):
    return f"image_width: {width}\nimage_height: 512\ncamera_matrix: {{data: {data}}}\n{more}"


def distorted(*coefficients, model="plumb_bob"):
    data = ", ".join(coefficients)
    return calibration(more=f"distortion_model: {model}\ndistortion_coefficients: {{data: [{data}]}}\n")


def nested(depth=8):
    """Ten lists of ten lists of ..., by aliases: small as a file, larger than a machine's memory as an array."""
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join([*lines, calibration(data=f"*l{depth - 1}")])


SENSELESS = {
    "empty": "",
    "a text": "hello",
    "a list": "[1, 2]",
    "no YAML": "a: [",
    "deeper than the stack": "[" * 1500,
    "an object of Python": "!!python/object/apply:os.system ['true']",
    "no matrix": "image_width: 5",
    "too few numbers": calibration(data="[1, 2]"),
    "no numbers": calibration(data="[a, b, c, d, e, f, g, h, i]"),
    "not a number": calibration(data=MATRIX.replace("600", ".nan")),
    "no focal length": calibration(data=MATRIX.replace("600", "0")),
    "a huge number": calibration(data=MATRIX.replace("600", "6" + "0" * 400)),
    "an infinite width": calibration(width=".inf"),
    "a bomb of aliases": nested(),
    "three coefficients": distorted("0.1", "0.2", "0.3"),
    "coefficients that are no numbers": distorted("0.1", "0.2", "0.3", ".nan"),
    "an unknown lens": distorted("0.1", "0.2", "0.3", "0.4", model="prism"),
}


@pytest.mark.parametrize("text", SENSELESS.values(), ids=SENSELESS)
def test_a_senseless_calibration_is_one_line(text, tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="camera.yaml is no calibration") as told:
        read_camera(path)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("name", [".", "missing.yaml", "x" * 300])
def test_an_unreadable_calibration_is_told(name, tmp_path):
    with pytest.raises(InputError, match="cannot read .*; give a camera_calibration YAML file"):
        read_camera(tmp_path / name)


def test_a_calibration_may_have_numbers_that_yaml_takes_for_texts(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(distorted("1e-5", "0", "0", "0", "0"))
    assert read_camera(path).distortion[0] == 1e-5


def test_images_of_the_same_person_get_one_shape(image, tmp_path):
    """A photograph and its mirror image: the shape of both is symmetric about what each alone would have."""
    mirrored = tmp_path / "mirrored.png"
    cv2.imwrite(str(mirrored), cv2.imread(str(image))[:, ::-1])
    shapes = {}
    for folder, images, options in (
        ("alone", [image], []),
        ("both", [image, mirrored], ["--same-person"]),
        ("again", [mirrored, image], ["--same-person"]),
    ):
        out = tmp_path / folder
        assert main(["reconstruct", *map(str, images), "--out", str(out), "--no-complete", "--quiet", *options]) == 0
        faces = [json.loads((out / f"{path.stem}.json").read_text())["faces"][0] for path in images]
        shapes[folder] = np.array([face["shape"] for face in faces])
        shapes[folder, "expression"] = np.array([face["expression"] for face in faces])
    np.testing.assert_array_equal(shapes["both"][0], shapes["both"][1])
    np.testing.assert_allclose(shapes["both"], shapes["again"], atol=1e-5)  # their order is of no matter
    assert np.abs(np.diff(shapes["both", "expression"], axis=0)).max() > 0.01
    assert np.abs(shapes["both"][0] - shapes["alone"][0]).max() > 0.01


def test_an_image_without_a_face_does_not_keep_the_same_person_from_the_others(image, tmp_path):
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.full((100, 100, 3), 127, np.uint8))
    arguments = ["reconstruct", str(empty), str(image), "--out", str(tmp_path), "--no-complete", "--same-person"]
    assert main(arguments) == 3
    assert (tmp_path / "astronaut.json").exists()
