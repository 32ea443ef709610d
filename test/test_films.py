"""Films: read, followed frame by frame, and left as video, moving face and numbers."""

import json
import os
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import trimesh
from face_scenes import MODEL, scene
from glb_viewer import Decoded
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.cli import film as film_module
from extreme3d_ros.cli.aside import Aside
from extreme3d_ros.cli.film import FilmReconstruction, is_film
from extreme3d_ros.cli.film_faces import FilmOptions
from extreme3d_ros.cli.main import main
from extreme3d_ros.errors import InputError, NoFaceError
from extreme3d_ros.input.films import Recording, Video, is_camera
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.output import video
from extreme3d_ros.output.film_figure import window
from extreme3d_ros.output.video import video_file, video_suffix
from extreme3d_ros.records import Coefficients, Face, Observation


def write_video(path, images, rate=10):
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return path


def greys(count, shape=(480, 640)):
    return [np.full((*shape, 3), 20 * number, np.uint8) for number in range(count)]


def pictures(path):
    capture = cv2.VideoCapture(str(path))
    found = []
    while (read := capture.read())[0]:
        found.append(read[1])
    return found, capture.get(cv2.CAP_PROP_FPS)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_video_gives_its_frames_with_their_times_and_again(tmp_path):
    film = Video(write_video(tmp_path / "film.avi", greys(8)))
    assert film.rate == 10 and film.count == 8
    for _ in range(2):
        times, images = zip(*film, strict=True)
        np.testing.assert_allclose(times, np.arange(8) / 10, atol=1e-6)
        np.testing.assert_allclose([image.mean() for image in images], 20 * np.arange(8), atol=3)


def test_no_more_seconds_of_a_video_than_asked_for(tmp_path):
    film = Video(write_video(tmp_path / "film.avi", greys(8)), 0.35)
    assert film.count == 4 and [round(time, 3) for time, _ in film] == [0, 0.1, 0.2, 0.3]


def test_unreadable_videos_are_told(tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("no video")
    for name, words in {"text.mp4": "cannot open", "missing.mp4": "no such file"}.items():
        with pytest.raises(InputError, match=words):
            Video(tmp_path / name)
    assert not capfd.readouterr().err  # OpenCV's own words would stand beside our line


def test_a_recording_gives_back_what_it_took():
    recording = Recording()
    rng = np.random.default_rng(0)
    images = [cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (64, 48)) for _ in range(5)]
    for number, image in enumerate(images):
        recording.add(100 + number / 20, image)
    assert recording.count == 5 and recording.rate == pytest.approx(20)
    for _ in range(2):
        times, back = zip(*recording, strict=True)
        np.testing.assert_allclose(times, np.arange(5) / 20)
        assert all(np.abs(a.astype(int) - b).mean() < 5 for a, b in zip(images, back))


def test_what_is_a_film_and_what_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert all(map(is_film, ["0", "a.mp4", "b/c.MOV", "d.webm"])) and not any(map(is_film, ["a.png", "mp4", "-1"]))
    (tmp_path / "7").touch()
    assert is_camera("8") and not is_camera("7")


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["mp4", "webm"])
def writer(request, monkeypatch):
    """Each of the two ways to write a video."""
    if request.param == "webm":
        monkeypatch.setattr(video, "_ffmpeg", lambda: None)
    elif not video._ffmpeg():
        pytest.skip("no ffmpeg; apt install ffmpeg, or pip install imageio-ffmpeg")
    assert video_suffix() == "." + request.param


def test_a_video_is_written_that_shows_what_was_given(writer, tmp_path, capfd):
    path = tmp_path / f"shown{video_suffix()}"
    with video_file(path, 12.5, 64, 48) as show:
        for image in greys(6, (48, 64)):
            show(image)
        assert not path.exists()
    found, rate = pictures(path)
    assert rate == pytest.approx(12.5)
    np.testing.assert_allclose([image.mean() for image in found], 20 * np.arange(6), atol=4)
    assert os.listdir(tmp_path) == [path.name] and not capfd.readouterr().err


def test_a_video_that_breaks_off_is_not_there(writer, tmp_path):
    with pytest.raises(ZeroDivisionError), video_file(tmp_path / f"shown{video_suffix()}", 10, 64, 48) as show:
        show(greys(1, (48, 64))[0])
        1 / 0  # noqa: B018
    assert not os.listdir(tmp_path)


def test_what_ffmpeg_says_is_told(tmp_path, monkeypatch):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(video, "_ffmpeg", lambda: str(broken))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InputError, match="no room"), video_file(out / "shown.mp4", 10, 640, 480) as show:
        for image in greys(9):
            show(image)
    assert not os.listdir(out)


@given(
    st.lists(st.tuples(*[st.floats(0, 400)] * 2, *[st.floats(10, 240)] * 2), min_size=1, max_size=5),
    st.sampled_from([(640, 480), (480, 640), (1920, 1080)]),
)
def test_the_window_holds_all_faces_and_stays_in_the_picture(boxes, size):
    boxes = np.array(boxes)
    x, y, w, h = window(boxes, *size)
    assert 0 <= x and 0 <= y and x + w <= size[0] and y + h <= size[1]
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    assert (np.maximum(low, 0) >= [x, y]).all() and (np.minimum(high, size) <= [x + w, y + h]).all()
    if (w, h) != size:
        assert w / h < 1.4 or h == size[1] or w == size[0]


def test_without_a_face_the_window_is_the_picture():
    assert window(np.zeros((0, 4)), 640, 480) == (0, 0, 640, 480)


def test_what_goes_wrong_aside_is_not_lost():
    with pytest.raises(ZeroDivisionError), Aside() as aside:
        aside(lambda: 1 / 0)
    done = []
    with Aside() as aside:
        for number in range(5):
            aside(lambda number=number: done.append(number))
    assert done == [0, 1, 2, 3, 4]


# --- the bookkeeping, with faces made up -----------------------------------------------------------------------------


FIGURE = f"film_figure{video_suffix()}"


class Cast:
    """Stands for LivePath: who is in which frame. at_frame: is called with each frame's number."""

    def __init__(self, plays, at_frame):
        self._plays, self._at_frame = plays, at_frame
        self.resets, self.stamps, self.known = 0, [], ()

    def reset(self):
        self.resets += 1

    def detection(self, image):
        return [FACE]

    def __call__(self, frame, stamp, max_faces):
        number = len(self.stamps)
        self._at_frame(number)
        self.stamps.append(stamp)
        return [observation(name, number) for name in self._plays[number]][:max_faces]


def observation(name, number):
    """The mean face, by three degrees a frame farther turned; who is called right is there."""
    crop, foundation, surface, layers = scene(3 * number)
    aside = np.array([0.1 * (name == "right"), 0, 0])
    moved = replace(foundation, vertices=(foundation.vertices + aside).astype(np.float32), t=foundation.t + aside)
    coefficients = Coefficients(np.zeros(99), np.full(29, 0.01 * number))
    return Observation(FACE, crop, moved, coefficients, surface, layers, 0.9, {"crop": 1.0}, name)


FACE = Face(np.resize([[200.0, 150.0], [300.0, 270.0]], (468, 2)), 1.0)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Runs a film in whose frames the cast plays; gives the cast, with the folder `out`, its files and the JSON."""

    def run(plays, at_frame=lambda number: None, source=None, **options):
        cast = Cast(plays, at_frame)
        monkeypatch.setattr(film_module, "LivePath", lambda fast: cast)
        source = source or str(write_video(tmp_path / "film.avi", greys(len(plays), (512, 512))))
        cast.out = tmp_path / "out"
        shutil.rmtree(cast.out, ignore_errors=True)
        cast.out.mkdir()
        FilmReconstruction(
            cast.out, SimpleNamespace(model=MODEL), None, None, FilmOptions(**{"quiet": True, **options})
        )(source)
        cast.files = sorted(os.listdir(cast.out))
        (said,) = cast.out.glob("*.json")
        cast.said = json.loads(said.read_text())
        return cast

    return run


def test_a_film_leaves_a_video_a_moving_face_and_numbers(make):
    cast = make([("anna",)] * 6)
    assert cast.files == ["film.glb", "film.json", FIGURE] and cast.resets == 1
    assert cast.said["image_size"] == [512, 512] and cast.said["rate"] == 10
    np.testing.assert_allclose([frame["time"] for frame in cast.said["frames"]], np.arange(6) / 10, atol=1e-6)
    np.testing.assert_allclose(cast.stamps, np.arange(6) / 10, atol=1e-6)
    for number, frame in enumerate(cast.said["frames"]):
        (face,) = frame["faces"]
        assert frame["frame"] == number and face["id"] == "anna"
        assert face["expression"] == pytest.approx([0.01 * number] * 29)
        assert {"pose", "shape", "confidence", "bbox", "landmarks68"} <= set(face)
    found, rate = pictures(cast.out / FIGURE)
    assert len(found) == 6 and rate == 10


def test_the_moving_face_stands_where_the_film_has_it(make):
    cast = make([("anna",)] * 4)
    decoded = Decoded((cast.out / "film.glb").read_bytes())
    for number, frame in enumerate(cast.said["frames"]):
        off = decoded.world("anna", frame["time"]) - scene(3 * number)[1].vertices * [1, -1, -1]
        assert np.sqrt((off**2).sum(1).mean()) < 6e-5


def test_frames_without_a_face_are_counted_and_shown(make, capsys):
    cast = make([(), ("anna",), (), (), ("anna",)], quiet=False)
    assert [len(frame["faces"]) for frame in cast.said["frames"]] == [0, 1, 0, 0, 1]
    assert "5 frames, 3 without a face" in capsys.readouterr().out
    assert len(pictures(cast.out / FIGURE)[0]) == 5


def test_a_film_without_any_face_leaves_nothing(make):
    with pytest.raises(NoFaceError, match="no face found in 3 frames"):
        make([(), (), ()])


def test_nothing_half_written_stays_where_the_road_breaks(make, tmp_path):
    def breaks(number):
        if number == 2:
            raise InputError("broken")

    with pytest.raises(InputError):
        make([("anna",)] * 4, breaks)
    assert not os.listdir(tmp_path / "out")


def test_ctrl_c_leaves_what_there_is(make, tmp_path):
    def interrupt(number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make([("anna",)] * 9, interrupt)
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == ["film.glb", "film.json", FIGURE]
    assert len(json.loads((out / "film.json").read_text())["frames"]) == 4
    assert len(pictures(out / FIGURE)[0]) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_only_the_chosen_face_unless_all_are_asked_for(make):
    plays = [("left", "right")] * 2 + [("right", "left")] * 2
    for every, expected in (
        (False, [["left"], ["left"], ["right"], ["right"]]),
        (True, [list(names) for names in plays]),
    ):
        cast = make(plays, every_face=every)
        assert [[face["id"] for face in frame["faces"]] for frame in cast.said["frames"]] == expected
        nodes = Decoded((cast.out / "film.glb").read_bytes()).tree["nodes"]
        assert [node["name"] for node in nodes] == ["left", "right", "camera"]


def test_a_ply_file_a_frame(make):
    cast = make([("anna",), (), ("anna",)], ply=True)
    assert cast.files == ["film.json", "film_000000.ply", "film_000002.ply", FIGURE]
    mesh = trimesh.load(cast.out / "film_000002.ply", process=False)
    np.testing.assert_allclose(mesh.vertices, scene(6)[1].vertices, atol=1e-6)


def test_a_ply_file_a_face_and_frame(make):
    files = make([("left", "right"), ("right",)], ply=True, every_face=True).files
    assert [name for name in files if name.endswith(".ply")] == [
        f"film_{name}.ply" for name in ("left_000000", "right_000000", "right_000001")
    ]


def test_the_figure_shows_the_face_where_it_is_and_darkness_where_none_is(make):
    found, _ = pictures(make([("anna",), ()]).out / FIGURE)
    panel = (found[0].shape[1] - 480) // 2
    first, second = (image.astype(int) for image in found)
    assert np.abs(first[:, panel : 2 * panel] - first[:, :panel]).mean() > 20  # the mesh over the picture
    assert np.abs(first[:40, panel : panel + 40] - first[:40, :40]).mean() < 3  # which is still there beside it
    assert np.abs(second[:, panel : 2 * panel] - second[:, :panel]).mean() < 3
    assert first[:, -480:].max() > 120 and second[:, -480:].max() < 60


class Camera:
    """Stands for Webcam: 20 images a second. shows: is called with each."""

    rate = 20.0

    def __init__(self, number):
        self.now, self.closed = 50.0, False

    def __iter__(self):
        for image in greys(12, (512, 512)):
            self.now += 0.05
            self.shows(image)
            yield image

    def close(self):
        self.closed = True

    def shows(self, image):
        pass


@pytest.fixture
def camera(monkeypatch):
    camera = Camera(0)
    monkeypatch.setattr(film_module, "Webcam", lambda number: camera)
    monkeypatch.setattr(film_module, "time", SimpleNamespace(monotonic=lambda: camera.now))
    return camera


def test_a_camera_is_recorded_for_so_many_seconds_then_worked_on(make, camera):
    cast = make([("anna",)] * 6, source="0", seconds=0.28)
    assert cast.files == ["camera0.glb", "camera0.json", f"camera0_figure{video_suffix()}"] and camera.closed
    np.testing.assert_allclose(cast.stamps, np.arange(6) / 20, atol=1e-6)
    assert cast.said["rate"] == pytest.approx(20)


def test_a_recording_ends_at_ctrl_c_and_is_worked_on(make, camera):
    camera.shows = lambda image: os.kill(os.getpid(), signal.SIGINT) if image.mean() == 80 else None
    assert len(make([("anna",)] * 4, source="0").stamps) == 4


def test_of_a_camera_that_ends_by_itself_what_came_is_worked_on(make, camera):
    assert len(make([("anna",)] * 12, source="0", seconds=5).stamps) == 12


def test_of_a_camera_that_is_unplugged_what_came_is_worked_on(make, camera, capsys):
    def unplug(image):
        if image.mean() == 80:
            raise InputError("camera 0 gives no images any more")

    camera.shows = unplug
    cast = make([("anna",)] * 12, source="0", seconds=5)
    assert len(cast.stamps) == 4 and camera.closed
    assert "camera 0 gives no images any more; what was recorded until then is used" in capsys.readouterr().err


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["a.mp4", "--same-person"], "--same-person is for images"),
        (["a.mp4", "--zipped"], "add --ply"),
        (["a.png", "--ply"], "are for films"),
        (["a.mp4", "--seconds", "0"], "more than 0"),
        (["a.mp4", "a.png"], "overwrite"),
        (["none.mp4"], "none.mp4"),
        (["98"], "camera 98"),
    ],
)
def test_wrong_use_is_one_line(arguments, words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["reconstruct", *arguments, "--out", "out"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("extreme3d: ") and words in line


def moved_astronaut(count):
    """It slides, and comes nearer."""
    for number in range(count):
        scale = 1 + 0.02 * number
        warp = np.array([[scale, 0, 6 * number - 20], [0, scale, 5]], np.float32)
        yield cv2.warpAffine(demo_image(), warp, (512, 320))


def test_a_film_of_a_photograph_end_to_end(tmp_path, capsys):
    path = write_video(tmp_path / "astronaut.avi", list(moved_astronaut(12)), 25)
    out = tmp_path / "out"
    assert main(["reconstruct", str(path), "--out", str(out)]) == 0
    assert sorted(os.listdir(out)) == ["astronaut.glb", "astronaut.json", f"astronaut_figure{video_suffix()}"]
    assert "12 frames, 0 without a face; astronaut.glb:" in capsys.readouterr().out
    frames = json.loads((out / "astronaut.json").read_text())["frames"]
    faces = [face for frame in frames for face in frame["faces"]]
    assert len(faces) == 12 and len({face["id"] for face in faces}) == 1
    nose = np.array([face["landmarks68"][30] for face in faces])
    true = [[(1 + 0.02 * k) * 223 + 6 * k - 20, (1 + 0.02 * k) * 126 + 5] for k in range(12)]
    assert np.abs(nose - true).max() < 6
    depths = [face["pose"]["t"][2] for face in faces]
    assert depths[-1] / depths[0] == pytest.approx(1 / 1.22, abs=0.04)
    (mesh,) = trimesh.load(out / "astronaut.glb", process=False).geometry.values()
    assert len(mesh.faces) > 50_000 and np.ptp(mesh.vertices[:, 1]) == pytest.approx(0.19, abs=0.05)
    assert np.average(mesh.face_normals[:, 2], weights=mesh.area_faces) > 0.4  # it looks out of the screen
