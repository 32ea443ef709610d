"""Rendered faces: the same seed is the same picture, and all about it is known."""

import numpy as np
import pytest

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from training.face_model.ict import ICT_FOLDER
from training.face_model.render import View
from training.faces.generator import FaceGenerator, Wish
from training.faces.occluders import KINDS, occlude, place_of

if not ICT_FOLDER.exists():
    pytest.skip("no ../shared/data/ict_facekit: its heads are what is rendered", allow_module_level=True)

MODEL = load_face_model()
SMALL = (288, 320)


@pytest.fixture(scope="module")
def generator():
    return FaceGenerator()


def on_image(points, rendered):
    """Which pixels (row, column) points (N, 3) fall on."""
    x, y = np.rint(rendered.camera.project(points.astype(np.float64))).astype(int).T
    return np.clip(y, 0, SMALL[0] - 1), np.clip(x, 0, SMALL[1] - 1)


def test_a_seed_is_a_picture(generator):
    one, other = (generator(3, Wish(size=SMALL)) for _ in range(2))
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.vertices, other.vertices)
    assert (generator(4, Wish(size=SMALL)).image != one.image).any()


def test_the_truth_lies_on_the_rendered_face(generator):
    for seed in range(6):
        made = generator(seed, Wish(size=SMALL, share=0.0, most_yaw=30.0, most_pitch=10.0))
        assert made.image.shape == (*SMALL, 3) and made.image.dtype == np.uint8
        inner = MODEL.landmarks68.on(MODEL.faces, made.vertices)[27:]
        # Within a pixel of it: a nose tip may lie on the silhouette.
        rows, columns = on_image(inner, made)
        near = [made.face[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].any() for r, c in zip(rows, columns)]
        assert np.mean(near) > 0.95


def test_both_topologies_and_the_pose_agree(generator):
    made = generator(5, Wish(size=SMALL, share=0.0))
    ours = MODEL.landmarks68.on(MODEL.faces, made.vertices)
    theirs = made.skin[generator.heads.ict.landmarks68]
    brows = np.arange(17, 27)  # in the middle of the hair, not along its upper edge
    assert np.linalg.norm(np.delete(ours - theirs, brows, axis=0), axis=1).max() < 3e-3
    in_model = (made.neutral - made.t) @ made.R
    assert np.linalg.norm((in_model - MODEL.mean).mean(0)) < 3e-3  # rigidly aligned to the mean
    assert np.linalg.det(made.R) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.15, 1 / 3, 0.5])
def test_things_hide_the_share_that_is_asked_for(generator, share):
    shares = [generator(seed, Wish(size=SMALL, share=share, most_yaw=60.0)).share for seed in range(6)]
    np.testing.assert_allclose(shares, share, atol=0.05)


def test_every_kind_of_thing_hides_something(generator):
    for kind in KINDS:
        made = generator(7, Wish(size=SMALL, kind=kind, yaw=20.0))
        assert 0.005 < made.share < 0.9, kind


def test_an_occluder_leaves_the_truth_alone(generator):
    clear, hidden = (generator(9, Wish(size=SMALL, share=share)) for share in (0.0, 0.3))
    np.testing.assert_array_equal(clear.vertices, hidden.vertices)
    np.testing.assert_array_equal(clear.face, hidden.face)
    assert not clear.occluder.any() and hidden.occluder.any()


@pytest.fixture
def grey_face(generator):
    """(picture of one grey (H, W, 3), which pixels are face, Place) of the mean head, seen from the front."""
    K = np.array([[500.0, 0, 160], [0, 500.0, 160], [0, 0, 1]])
    view = View(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, 0.6]), Camera(K, 320, 320))
    place = place_of(generator.heads.ict.neutral[generator.heads.ict.landmarks68], view)
    face = np.zeros((320, 320), bool)
    left, right = place.points[:, 0].min(), place.points[:, 0].max()
    face[int(place.points[:, 1].min()) : int(place.points[:, 1].max()), int(left) : int(right)] = True
    return np.full((320, 320, 3), 0.3, np.float32), face, place


def test_clear_lenses_hide_nothing_but_the_frame(grey_face):
    picture, face, place = grey_face
    eyes = np.stack([place.points[36:42].mean(0), place.points[42:48].mean(0)])
    x, y = np.rint(eyes).astype(int).T
    seen = []
    for seed in range(20):
        _, hidden = occlude(picture, face, place, np.random.default_rng(seed), None, "glasses")
        assert hidden[face].any() and hidden[face].mean() < 0.25
        seen += (~hidden[y, x]).tolist()
    assert np.mean(seen) > 0.85  # all but strong glare


def test_a_shadow_does_not_hide_the_face(grey_face):
    picture, face, place = grey_face
    made, hidden = occlude(picture, face, place, np.random.default_rng(0), None, "hat")
    darker = face & (made.mean(2) < 0.28)
    assert np.count_nonzero(darker & ~hidden) > 50
    np.testing.assert_array_equal(picture, 0.3)  # a copy was drawn on
