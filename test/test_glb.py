"""The animated GLB of a film: few shapes stand for many, and what a viewer decodes is what was put in."""

import numpy as np
import pytest
import trimesh
from glb_viewer import Decoded
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.output.face_track import FaceTrack
from extreme3d_ros.output.moving_faces import moving_faces
from extreme3d_ros.output.shapes import ShapeSequence
from extreme3d_ros.records import FaceMesh, Foundation

CAMERA = Camera.assumed(640, 480)
BALL = trimesh.creation.icosphere(3, 0.1)
FACES = BALL.faces.astype(np.int32)
DOWN = np.diag([1.0, -1.0, -1.0])  # a head upright before the camera; also the camera's frame to glTF's


def sequence(count, rank, noise=0.0, seed=0):
    """Shapes (count, N, 3) of the ball: so many ways to move by 2 mm, and noise, metres rms."""
    rng = np.random.default_rng(seed)
    ways = rng.standard_normal((rank, *BALL.vertices.shape)) * 2e-3
    amounts = np.sin(np.linspace(0, 9, count)[:, None] * np.arange(1, rank + 1))
    moved = BALL.vertices + np.tensordot(amounts, ways, 1)
    return (moved + rng.standard_normal(moved.shape) * noise / np.sqrt(3)).astype(np.float32)


def rms(distances):
    return np.sqrt((distances.astype(np.float64) ** 2).sum(-1).mean())


def shapes_of(moved, tolerance=5e-5, most=32):
    shapes = ShapeSequence()
    for vertices in moved:
        shapes.add(vertices)
    assert len(shapes) == len(moved)
    return shapes.shapes(tolerance, most)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 90), rank=st.integers(1, 40), noise=st.sampled_from([0, 2e-5, 1e-4]))
def test_the_error_told_is_the_error_made(count, rank, noise):
    moved = sequence(count, rank, noise)
    shapes = shapes_of(moved)
    made = shapes.base + np.tensordot(shapes.weights, shapes.targets, 1)
    assert rms(made - moved) == pytest.approx(shapes.error, rel=0.02, abs=2e-7)
    assert shapes.error <= 5e-5 or len(shapes.targets) == 32
    assert np.abs(shapes.weights).max(initial=0) <= 1 + 1e-6


def test_before_the_first_shape_there_is_nothing_to_make_of():
    with pytest.raises(ValueError, match="no shape"):
        shapes_of([])
    with pytest.raises(ValueError, match="no shape"):
        FaceTrack("nobody").moving_face(5e-5, 32)


@pytest.mark.parametrize("rank", [1, 3, 12])
def test_as_many_shapes_as_ways_to_move_and_no_more(rank):
    assert len(shapes_of(sequence(120, rank)).targets) == rank


def test_the_shapes_are_the_best_there_are():
    """Block by block they come as near as a singular value decomposition of all at once."""
    moved = sequence(150, 60)
    flat = (moved - moved.mean(0)).reshape(len(moved), -1).astype(np.float64)
    left = np.linalg.svd(flat, compute_uv=False)[20:]
    best = np.sqrt((left**2).sum() / moved[..., 0].size)
    assert best <= shapes_of(moved, 0.0, 20).error < 1.05 * best


def test_a_still_face_needs_no_shapes():
    shapes = shapes_of(np.repeat(sequence(1, 1), 40, axis=0))
    assert shapes.targets.shape == (0, *BALL.vertices.shape) and shapes.weights.shape == (40, 0)


def test_more_shapes_than_are_allowed_are_not_made_but_told():
    shapes = shapes_of(sequence(100, 40), most=5)
    assert len(shapes.targets) == 5 and shapes.error > 5e-4


# --- the file ---------------------------------------------------------------------------------------------------------


def film(numbers, seed=0, name="abcde", rank=3):
    """A face's track in the film's frames of these numbers, and its meshes in the camera's frame."""
    moved = sequence(len(numbers), rank, 1e-5, seed)
    turns = Rotation.from_euler(
        "yx", np.stack([np.linspace(-200, 200, len(numbers)), np.full(len(numbers), 9)], 1), True
    )
    track, meshes = FaceTrack(name), []
    for number, vertices, turn in zip(numbers, moved, turns):
        R, t = DOWN @ turn.as_matrix(), np.array([0.002 * number, 0.1, 0.7 + 0.1 * seed])
        posed = (vertices @ R.T + t).astype(np.float32)
        colors = np.full(vertices.shape, (188, 100, 20), np.uint8)
        mesh = FaceMesh(posed, FACES, colors, np.ones(len(posed), bool))
        track.add(number, mesh, Foundation(vertices, R, t))
        meshes.append(posed)
    return track.moving_face(5e-5, 32), meshes


def test_every_frame_comes_back_within_the_tolerance():
    face, meshes = film(range(30))
    times = np.arange(30) / 25
    decoded = Decoded(moving_faces([face], times, CAMERA))
    off = [decoded.world("abcde", time) - mesh @ DOWN for time, mesh in zip(times, meshes)]
    assert rms(np.stack(off)) < 5.5e-5
    assert all(decoded.shown("abcde", time) for time in times)


def test_heads_turn_the_short_way_between_frames():
    face, _ = film(range(30))
    keys, turns, _ = Decoded(moving_faces([face], np.arange(30) / 25, CAMERA)).tracks("abcde")["rotation"]
    assert ((turns[1:] * turns[:-1]).sum(1) > 0.9).all()
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)


def test_faces_that_come_and_go_are_shown_when_they_are_there():
    here = {"early": [0, 1, 2, 3], "late": [5, 6, 9], "always": list(range(10))}
    faces = [film(numbers, seed, name)[0] for seed, (name, numbers) in enumerate(here.items())]
    times = np.arange(10) * 0.1
    decoded = Decoded(moving_faces(faces, times, CAMERA))
    for name, numbers in here.items():
        assert [decoded.shown(name, time + 0.01) for time in times] == [k in numbers for k in range(10)], name
    assert "scale" not in decoded.tracks("always")


def test_a_face_of_a_single_frame_is_a_scene_too():
    face, (mesh,) = film([0], rank=1)
    decoded = Decoded(moving_faces([face], np.zeros(1), CAMERA))
    np.testing.assert_allclose(decoded.world("abcde", 0.0), mesh @ DOWN, atol=1e-6)


def test_colours_are_linear_and_normals_follow_the_shape():
    face, _ = film(range(30))
    decoded = Decoded(moving_faces([face], np.arange(30) / 25, CAMERA))
    primitive = decoded.primitive("abcde")
    color = decoded.values(primitive["attributes"]["COLOR_0"])[0] / 65535
    np.testing.assert_allclose(color, [0.5029, 0.1274, 0.0070, 1], atol=1e-4)  # sRGB 188, 100, 20
    normals = decoded.values(primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    target = primitive["targets"][0]
    moved = face.shapes.base + decoded.values(target["POSITION"])
    followed = normals + decoded.values(target["NORMAL"])
    np.testing.assert_allclose(followed, vertex_normals(moved, FACES), atol=1e-6)


def test_the_camera_sees_what_the_film_shows():
    """A point of the picture's top edge is on the top edge of the scene's camera."""
    face, _ = film([0], rank=1)
    decoded = Decoded(moving_faces([face], np.zeros(1), CAMERA))
    (camera,) = decoded.tree["cameras"]
    half = np.tan(camera["perspective"]["yfov"] / 2)
    assert half == pytest.approx(CAMERA.height / 2 / CAMERA.K[1, 1])
    assert camera["perspective"]["aspectRatio"] == pytest.approx(640 / 480)


def test_trimesh_reads_it(tmp_path):
    face, _ = film(range(5))
    path = tmp_path / "film.glb"
    path.write_bytes(moving_faces([face], np.arange(5) / 25, CAMERA))
    (mesh,) = trimesh.load(path, process=False).geometry.values()
    np.testing.assert_array_equal(mesh.faces, FACES)
    np.testing.assert_allclose(mesh.vertices, face.shapes.base, atol=1e-7)


@pytest.mark.parametrize("vertices, short", [(65534, True), (65535, False)])
def test_indices_are_short_where_they_can_be(vertices, short):
    from extreme3d_ros.output.moving_faces import _indices

    assert _indices(np.array([[0, 1, 2]]), vertices).dtype == (np.uint16 if short else np.uint32)
