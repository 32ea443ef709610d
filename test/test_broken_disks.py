"""Folders that cannot be written, full disks, processes that end amidst a write: files are whole or not there."""

import multiprocessing
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("skimage.data")

import ros_helpers  # noqa: E402
import trimesh  # noqa: E402
from builtin_interfaces.msg import Time  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from extreme3d_ros.cli.interruption import sigterm_unwinds  # noqa: E402
from extreme3d_ros.cli.main import main  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.input.images import demo_image  # noqa: E402
from extreme3d_ros.nodes.mesh_files import MeshFiles  # noqa: E402
from extreme3d_ros.output.atomic import placed_when_whole, remove_abandoned, write_bytes  # noqa: E402
from extreme3d_ros.output.video import video_file, video_suffix  # noqa: E402
from extreme3d_ros.records import FaceMesh  # noqa: E402


def sphere(subdivisions=3):
    """A mesh of 642 vertices, a file of 28 kB."""
    shape = trimesh.creation.icosphere(subdivisions)
    vertices = shape.vertices.astype(np.float32)
    colors = np.full(vertices.shape, 99, np.uint8)
    return FaceMesh(vertices, shape.faces.astype(np.int32), colors, np.ones(len(vertices), bool))


MESH = sphere()


def names(folder):
    return sorted(os.listdir(folder))


@pytest.fixture
def mount(tmp_path):
    """Mounts a small disk, and takes it away whatever comes."""
    mounted = []

    def mount(size):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_disk(mount):
    """64 kB, two meshes."""
    return mount("64k")


@pytest.fixture
def sealed(small_disk):
    """A disk that can only be read."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    return small_disk


# --- files ------------------------------------------------------------------------------------------------------------


def test_of_what_does_not_fit_nothing_stays(small_disk):
    with pytest.raises(InputError, match="No space left on device; check the folder, its rights and the disk"):
        write_bytes(small_disk / "large", b"x" * 200_000)
    assert not names(small_disk)


def test_a_file_stays_as_it_was_when_its_successor_does_not_fit(small_disk):
    write_bytes(small_disk / "kept", b"old")
    with pytest.raises(InputError, match="kept"):
        write_bytes(small_disk / "kept", b"x" * 200_000)
    assert (small_disk / "kept").read_bytes() == b"old" and names(small_disk) == ["kept"]


def test_a_sealed_disk_is_told(sealed):
    with pytest.raises(InputError, match="Read-only file system"):
        write_bytes(sealed / "file", b"x")
    with pytest.raises(InputError, match="Read-only file system; set parameter ply_dir"):
        MeshFiles().save(MESH, Time(sec=1), str(sealed / "meshes"))


def test_a_video_that_does_not_fit_is_told_and_not_there(small_disk):
    pictures = np.random.default_rng(0).integers(0, 256, (30, 240, 320, 3), np.uint8)
    with pytest.raises(InputError, match="cannot write"):
        with video_file(small_disk / f"shown{video_suffix()}", 10, 320, 240) as show:
            for picture in pictures:
                show(picture)
    assert not names(small_disk)


def test_a_file_of_another_is_not_replaced_if_so_wished(tmp_path):
    write_bytes(tmp_path / "file", b"theirs", over=False)
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "file", b"ours", over=False)
    assert (tmp_path / "file").read_bytes() == b"theirs" and names(tmp_path) == ["file"]


def test_nor_where_a_file_system_has_no_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_a_file_of_another_is_not_replaced_if_so_wished(tmp_path)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_amidst_a_write_leaves_nothing(by, tmp_path):
    before = signal.getsignal(by)
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended, sigterm_unwinds():
        with placed_when_whole(tmp_path / "file") as temporary:
            temporary.write_bytes(b"half")
            os.kill(os.getpid(), by)
            time.sleep(5)
    assert not names(tmp_path) and signal.getsignal(by) is before
    assert by == signal.SIGINT or ended.value.code == 143


def test_what_killed_processes_left_goes_but_nothing_that_is_at_work(tmp_path):
    files = [".extreme3d-old.ply", ".extreme3d-new.ply", "face.ply", ".hidden"]
    for name in files:
        (tmp_path / name).touch()
        if name != ".extreme3d-new.ply":
            os.utime(tmp_path / name, (0, 0))
    remove_abandoned(tmp_path)
    assert names(tmp_path) == sorted(files[1:])
    (tmp_path / "again").mkdir()
    left = tmp_path / "again" / ".extreme3d-old.ply"
    left.touch()
    os.utime(left, (0, 0))
    MeshFiles().save(MESH, Time(sec=1), str(tmp_path / "again"))
    assert not left.exists()


def save_for_ever(folder, keep):
    files, count = MeshFiles(), 0
    while True:
        count += 1
        files.save_rotating(MESH, Time(sec=count), str(folder), keep)


def test_whoever_is_killed_leaves_whole_files_only(tmp_path):
    """At 20 random moments amidst writing; the next one keeps to the number that is kept."""
    moments = random.Random(0)
    for _ in range(20):
        process = multiprocessing.get_context("fork").Process(target=save_for_ever, args=(tmp_path, 5))
        process.start()
        time.sleep(0.03 + 0.03 * moments.random())
        process.kill()
        process.join()
    MeshFiles().save_rotating(MESH, Time(sec=10**6), str(tmp_path), 5)
    meshes = [name for name in names(tmp_path) if not name.startswith(".")]
    assert len(meshes) == 5 and all(name.startswith("face_") for name in meshes)
    sizes = {(tmp_path / name).stat().st_size for name in meshes}
    assert len(sizes) == 1 and len(trimesh.load(tmp_path / meshes[0], process=False).vertices) == len(MESH.vertices)
    assert all(name.startswith(".extreme3d-") for name in names(tmp_path) if name not in meshes)


# --- the folder of meshes ---------------------------------------------------------------------------------------------


def test_meshes_are_saved_again_once_there_is_room(small_disk):
    files, ballast = MeshFiles(), small_disk / "ballast"
    ballast.write_bytes(b"x" * 60_000)
    for sec in range(3):
        with pytest.raises(InputError, match="No space left"):
            files.save_rotating(MESH, Time(sec=sec), str(small_disk), 2)
    assert names(small_disk) == ["ballast"]
    ballast.unlink()
    assert files.save_rotating(MESH, Time(sec=4), str(small_disk), 2).exists()
    assert names(small_disk) == ["face_4_000000000_every.ply"]


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    files, folder = MeshFiles(), tmp_path / "meshes"
    files.save_rotating(MESH, Time(sec=1), str(folder), 1)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    files.save_rotating(MESH, Time(sec=2), str(folder), 1)
    assert names(folder) == ["face_2_000000000_every.ply"]


def file_in_its_place(folder):
    (folder / "there").write_text("")
    return folder / "there"


def below_a_file(folder):
    return file_in_its_place(folder) / "meshes"


def dangling_link(folder):
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


def too_long(folder):
    return folder / ("x" * 300)


def of_nobody(folder):
    return "~no_such_user/meshes"


def with_nul(folder):
    return f"{folder}/a\0b"


@pytest.mark.parametrize("make", [file_in_its_place, below_a_file, dangling_link, too_long, of_nobody, with_nul])
def test_a_folder_that_cannot_be_made_is_told(make, tmp_path):
    with pytest.raises(InputError, match="cannot make the folder .*; set parameter ply_dir"):
        MeshFiles().save(MESH, Time(sec=1), str(make(tmp_path)))


@pytest.mark.parametrize("name", ["up/../here", "a b", "a\nb", "größe 面", 'it\'s "so": #1', "~"])
def test_odd_names_of_folders_are_taken_as_they_are(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "up").mkdir()
    path = MeshFiles().save(MESH, Time(sec=1), name if name == "~" else f"{tmp_path}/{name}")
    assert path == Path(os.path.expanduser("~") if name == "~" else f"{tmp_path}/{name}") / "face_1_000000000.ply"
    assert path.exists()


def test_two_nodes_with_one_folder_keep_out_of_each_others_way(tmp_path):
    """Both save every mesh of the same frames, and each is asked for some."""
    nodes, folder, asked = [MeshFiles(), MeshFiles()], str(tmp_path), []
    for sec in range(10):
        for node in nodes:
            node.save_rotating(MESH, Time(sec=sec), folder, 3)
            if sec % 5 == 0:
                asked.append(node.save(MESH, Time(sec=sec), folder))
    assert len(set(asked)) == 4 and all(path.exists() for path in asked)
    others = [name for name in names(tmp_path) if tmp_path / name not in asked]
    assert {name.split("_")[1] for name in others} == {"7", "8", "9"} and len(others) == 6


def test_the_next_run_goes_on_removing_what_the_last_one_left(tmp_path):
    first, folder = MeshFiles(), str(tmp_path)
    for sec in (5, 6, 7):
        first.save_rotating(MESH, Time(sec=sec), folder, 10)
    asked = first.save(MESH, Time(sec=5), folder, "every")
    MeshFiles().save_rotating(MESH, Time(sec=1), folder, 2)
    assert names(tmp_path) == [f"face_{sec}_000000000_every.ply" for sec in (1, 7)] + [asked.name]


# --- reconstruct ------------------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), demo_image())
    return path


@pytest.mark.parametrize("make", [file_in_its_place, dangling_link, too_long, of_nobody])
def test_results_without_a_folder_are_one_line_and_a_status(make, image, tmp_path, capsys):
    assert main(["reconstruct", str(image), "--out", str(make(tmp_path))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot make the folder" in line and line.endswith("name another with --out")


@pytest.mark.parametrize("disk", ["small_disk", "sealed"])
def test_results_that_do_not_fit_are_one_line_and_nothing_half_written(disk, image, request, capsys):
    folder = request.getfixturevalue(disk)
    assert main(["reconstruct", str(image), "--out", str(folder), "--quiet", "--no-complete"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot write" in line and "check the folder, its rights and the disk" in line
    assert not names(folder)


def test_odd_sources_are_one_line_each(tmp_path, capsys):
    odd = [tmp_path / "no such.png", tmp_path / "..", tmp_path / ("x" * 300), "~/none.png", "", "größe.mp4", "y" * 300]
    odd += [f"{tmp_path}/{'z' * 300}.avi", "3" * 300]
    assert main(["reconstruct", *map(str, odd), "--out", str(tmp_path / "out"), "--quiet", "--no-complete"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(odd) and all(line.startswith("extreme3d: ") for line in lines), lines


# --- the node ---------------------------------------------------------------------------------------------------------


def test_a_node_outlives_a_full_disk_says_so_once_and_ends_without_rests(mount, start, listener):
    disk = mount("16m")
    (disk / "ballast").write_bytes(bytes(15_500_000))
    names_of_topics = ["-r", "__ns:=/full", "-r", "image_raw:=/full/image_raw", "-r", "camera_info:=/full/camera_info"]
    node = start(
        "face_container", *names_of_topics, reliability="reliable", ply_dir=disk, save_every_mesh=True, max_saved=4
    )
    start("image_source", *names_of_topics, rate=8)

    def unsaved(status):
        return int(ros_helpers.values(status).get("not saved", 0)) >= 5

    status = listener.status("full/completion_node", unsaved, 90)
    assert status.level == DiagnosticStatus.WARN and "meshes are not saved: cannot write" in status.message
    answer = listener.call(Trigger, "/full/save_ply", Trigger.Request())
    assert not answer.success and "No space left" in answer.message
    assert len([line for line in node.output.splitlines() if "not saved: cannot write" in line]) == 1, node.output
    assert names(disk) == ["ballast"]
    (disk / "ballast").unlink()
    assert listener.wait(lambda: len(list(disk.glob("face_*_every.ply"))) == 4, 30)
    answer = listener.call(Trigger, "/full/save_ply", Trigger.Request())
    assert answer.success and not answer.message.endswith("_every.ply")
    assert node.end(signal.SIGTERM) == 0 and "Traceback" not in node.output
    files = list(disk.iterdir())
    assert len(files) <= 6 and all(len(trimesh.load(path, process=False).faces) > 30_000 for path in files), files
