"""LivePath: what successive frames of one camera make of each other."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.records import VISIBLE, Frame, Tracked

MODEL = load_face_model()
COUNT = 12


@pytest.fixture(scope="module")
def noisy():
    """A photograph as a camera would send it again and again."""
    image, random = demo_image().astype(np.float32), np.random.default_rng(0)
    noisy = (np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8) for _ in range(COUNT))
    return [Frame(image, Camera.assumed(*image.shape[1::-1])) for image in noisy]


@pytest.fixture(scope="module")
def seen(live, noisy):
    live.reset()
    found = [live(frame, n / 15) for n, frame in enumerate(noisy)]
    assert all(len(faces) == 1 for faces in found)
    return [face for (face,) in found]


def roughness(values):
    """RMS of the second differences over the frames."""
    return float(np.sqrt((np.diff(np.asarray(values, np.float64), 2, axis=0) ** 2).mean()))


def test_a_face_keeps_its_id(seen):
    assert len({face.id for face in seen}) == 1 and seen[0].id


def test_a_still_head_is_steadier_than_frame_by_frame(live, noisy, seen):
    alone = [live._fast(frame)[0] for frame in noisy]
    late = slice(4, None)
    for of in (lambda face: face.foundation.vertices, lambda face: face.coefficients.shape):
        assert roughness([of(face) for face in seen[late]]) < 0.4 * roughness([of(face) for face in alone[late]])


def test_the_bump_flickers_less_and_what_is_seen_stays_the_frame_s_own(live, noisy, seen):
    alone = [live._fast(frame)[0] for frame in noisy]
    both = np.all([face.layers.occlusion == VISIBLE for face in (*seen, *alone)], axis=0)
    assert np.count_nonzero(both) > 5000
    steady, single = ([face.layers.bump[both] for face in faces[4:]] for faces in (seen, alone))
    assert roughness(steady) < 0.75 * roughness(single)


def test_the_first_frame_is_as_it_would_be_alone_but_for_the_trust_in_its_shape(live, noisy, seen):
    (alone,) = live._fast(noisy[0])
    apart = np.linalg.norm(seen[0].foundation.vertices - alone.foundation.vertices, axis=1)
    assert apart.mean() < 0.01 * alone.foundation.t[2]


def test_all_stages_are_timed(seen):
    stages = {"detection", "crop", "foundation", "raster", "occlusion", "bump", "blending"}
    assert seen[-1].timings_ms.keys() == stages


def test_who_is_gone_for_long_is_forgotten(live, noisy):
    live.reset()
    (before,) = live(noisy[0], 0.0)
    assert set(live.known) == {before.id}
    blank = Frame(np.full_like(noisy[0].image, 90), noisy[0].camera)
    for n in range(1, 12):
        assert live(blank, 0.5 * n) == []
    assert not live.known
    (after,) = live(noisy[1], 6.0)
    assert after.id != before.id


def test_who_others_track_is_known_by_their_id(live, noisy):
    live.reset()
    (face,) = live.detection(noisy[0].image)
    theirs = [Tracked("abcde", face)]
    (first,), (second,) = (live.observe(noisy[n], theirs, n / 15, {}) for n in (0, 1))
    assert first.id == second.id == "abcde"
    live.forget_all_but(())
    (anew,) = live.observe(noisy[0], theirs, 2 / 15, {})
    np.testing.assert_array_equal(anew.foundation.vertices, first.foundation.vertices)
    assert (anew.foundation.vertices != second.foundation.vertices).any()


def test_a_face_of_no_pose_gives_nothing(live, noisy):
    (face,) = live.detection(noisy[0].image)
    flat = Tracked("abcde", replace(face, points=np.zeros_like(face.points)))
    assert list(live.observe(noisy[0], [flat], 0.0, {})) == []


@pytest.fixture(scope="module")
def pair():
    """A photograph, and beside it its mirror image, larger."""
    photograph = demo_image()
    other = cv2.resize(photograph[:, ::-1], None, fx=1.2, fy=1.2)[: len(photograph)]
    image = np.hstack([photograph, other])
    return Frame(image, Camera.assumed(*image.shape[1::-1]))


def test_faces_worked_on_at_once_are_what_they_are_one_by_one(live, pair):
    live.reset()
    faces = live.track(pair, 0.0, 2)
    together = list(live.observe(pair, faces, 0.0, {}))
    live.forget_all_but(())
    alone = [seen for face in faces for seen in live.observe(pair, [face], 0.0, {})]
    assert [seen.id for seen in together] == [seen.id for seen in alone] and len(alone) == 2
    for one, other in zip(together, alone):
        np.testing.assert_array_equal(one.foundation.vertices, other.foundation.vertices)
        np.testing.assert_array_equal(one.layers.bump, other.layers.bump)
