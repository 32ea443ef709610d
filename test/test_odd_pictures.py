"""Whatever a camera shows, and whenever: no exception, nothing that is not finite, and what is said of it is true."""

import cv2
import numpy as np
import pytest

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.pipeline import Completion
from extreme3d_ros.records import Frame

data = pytest.importorskip("skimage.data")

MODEL = load_face_model()
PHOTOGRAPH = np.ascontiguousarray(data.astronaut()[..., ::-1])
#: The face's left, top, right and bottom in it.
LEFT, TOP, RIGHT, BOTTOM = 178, 68, 270, 177
WIDTH, HEIGHT = RIGHT - LEFT, BOTTOM - TOP
GREY = np.full((480, 640, 3), 90, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


@pytest.fixture(scope="module")
def completion():
    return Completion(MODEL)


def frame(image, camera=None):
    image = np.ascontiguousarray(image)
    return Frame(image, camera or Camera.assumed(*image.shape[1::-1]))


def check(seen):
    """An observation's arrays are finite, its labels and numbers in range."""
    pose = np.column_stack([seen.foundation.R, seen.foundation.t])
    bump = seen.layers.bump
    for values in (seen.foundation.vertices, pose, bump, seen.coefficients.shape, seen.coefficients.expression):
        assert np.isfinite(values).all()
    assert (seen.foundation.vertices[:, 2] > 0).all() and np.abs(bump).max() < 0.05
    assert set(np.unique(seen.layers.occlusion)) <= {0, 1, 2, 3} and set(np.unique(seen.layers.mask)) <= {0, 255}
    assert 0 <= seen.confidence <= 1 and 0 <= seen.layers.occluded_fraction <= 1


def look(live, image, max_faces=8):
    """The faces of an image in the second frame that shows it; by itself it shows as many as in the first."""
    image = np.ascontiguousarray(image)
    live.reset()
    alone = live.detection(image)
    streams = [live(frame(image), stamp, max_faces) for stamp in (0.0, 0.1)]
    for seen in (*streams[0], *streams[1]):
        check(seen)
    assert len(alone) == len(streams[0])
    return streams[1]


def centre(seen):
    x, y, w, h = seen.face.bbox
    return np.array([x + w / 2, y + h / 2])


def up(seen):
    """The direction in the image from chin to brow, (2,): x to the right, y down."""
    points = seen.face.points
    return (points[10] - points[152]) / np.linalg.norm(points[10] - points[152])


# --- nothing to see ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (480, 640)], ids=str)
@pytest.mark.parametrize("what", ["black", "white", "noise"])
def test_where_there_is_nothing_nothing_is_seen(live, shape, what):
    image = np.full((*shape, 3), 255 * (what == "white"), np.uint8)
    if what == "noise":
        image[:] = np.random.default_rng(1).integers(0, 256, image.shape)
    assert look(live, image) == []


@pytest.mark.parametrize("camera", ["straight", "as wide as can be"])
def test_a_camera_that_goes_black_and_comes_back_loses_nobody(live, camera):
    focal = {"straight": 600.0, "as wide as can be": 30.0}[camera]
    K = Camera(np.array([[focal, 0, 255.5], [0, focal, 255.5], [0, 0, 1]]), 512, 512)
    live.reset()
    (before,) = live(frame(PHOTOGRAPH, K), 0.0)
    for n, image in enumerate([np.zeros_like(PHOTOGRAPH), np.full_like(PHOTOGRAPH, 255), GREY, NOISE]):
        assert live(frame(image), 0.1 + 0.1 * n) == []
    (after,) = live(frame(PHOTOGRAPH, K), 0.6)
    check(after)
    assert after.id == before.id


# --- faces as they are not meant to be --------------------------------------------------------------------------------


@pytest.mark.parametrize("quarters, flipped", [(0, False), (1, False), (2, False), (3, False), (0, True), (2, True)])
def test_a_face_upside_down_on_its_side_or_mirrored_is_found_as_it_lies(live, quarters, flipped):
    """(2, flipped) is upside down by a mirror."""
    image = np.rot90(PHOTOGRAPH[:, ::-1] if flipped else PHOTOGRAPH, quarters)
    (seen,) = look(live, image)
    middle = np.array([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2]) - 255.5
    middle *= [-1, 1] if flipped else [1, 1]
    turn = np.array([[0, 1], [-1, 0]])  # of a quarter to the left, x to the right and y down
    expected = np.linalg.matrix_power(turn, quarters) @ middle + 255.5
    assert np.linalg.norm(centre(seen) - expected) < 15
    assert up(seen) @ np.linalg.matrix_power(turn, quarters) @ [0, -1] > 0.85
    model_up = seen.foundation.R[:2, 1]  # y of the model's frame as the camera sees it
    assert model_up @ up(seen) > 0.8 * np.linalg.norm(model_up)


CUTS = {
    "left": lambda part: PHOTOGRAPH[:, LEFT + int(part * WIDTH) :],
    "right": lambda part: PHOTOGRAPH[:, : RIGHT - int(part * WIDTH)],
    "top": lambda part: PHOTOGRAPH[TOP + int(part * HEIGHT) :],
    "bottom": lambda part: PHOTOGRAPH[: BOTTOM - int(part * HEIGHT)],
}


@pytest.mark.parametrize("side", CUTS)
def test_a_face_cut_by_the_border_by_a_sixth_is_found_and_whole_in_3d(live, completion, side):
    (seen,) = look(live, CUTS[side](1 / 6))
    mesh = completion(seen.crop, seen.foundation, seen.layers).mesh
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()
    assert np.ptp(mesh.vertices[:, 1]) > 0.12, "a face's height in metres"
    assert seen.foundation.t[2] == pytest.approx(0.9 * max(CUTS[side](1 / 6).shape) / 512, rel=0.25)


@pytest.mark.parametrize("side", CUTS)
def test_a_face_of_which_two_thirds_are_cut_off_is_not_found(live, side):
    assert look(live, CUTS[side](0.7)) == []


@pytest.mark.parametrize("side", CUTS)
def test_a_face_cut_by_a_third_is_found_or_not(live, completion, side):
    for seen in look(live, CUTS[side](0.35)):
        mesh = completion(seen.crop, seen.foundation, seen.layers).mesh
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()


def in_small(width):
    """The photograph in a large image, the face so many pixels wide."""
    head = cv2.resize(PHOTOGRAPH[:320, 60:380], None, fx=width / WIDTH, fy=width / WIDTH, interpolation=cv2.INTER_AREA)
    image = GREY.copy()
    image[100 : 100 + len(head), 200 : 200 + len(head)] = head
    return image


def test_a_face_of_28_pixels_is_found_and_one_of_12_is_not(live):
    (seen,) = look(live, in_small(28))
    assert centre(seen) == pytest.approx([200 + 164 * 28 / WIDTH, 100 + 122 * 28 / WIDTH], abs=6)
    assert look(live, in_small(12)) == []


def test_a_face_that_fills_the_image_and_more_is_found_until_too_little_of_it_is_seen(live, completion):
    most = cv2.resize(PHOTOGRAPH[TOP + 5 : BOTTOM - 5, LEFT : RIGHT - 2], (640, 480))
    (seen,) = look(live, most)
    assert seen.face.bbox[2] > 500 and seen.foundation.t[2] < 0.3
    assert np.isfinite(completion(seen.crop, seen.foundation, seen.layers).mesh.vertices).all()
    for seen in look(live, cv2.resize(PHOTOGRAPH[TOP + 30 : BOTTOM - 30, LEFT + 20 : RIGHT - 20], (640, 480))):
        assert np.isfinite(completion(seen.crop, seen.foundation, seen.layers).mesh.vertices).all()


def cartoon(side=300):
    """A drawn face: disc, eyes, nose, mouth."""
    image, middle = np.full((480, 640, 3), (255, 220, 180), np.uint8), (320, 240)
    cv2.circle(image, middle, side // 2, (120, 200, 255), -1, cv2.LINE_AA)
    for sign in (-1, 1):
        eye = (320 + sign * side // 6, 240 - side // 10)
        cv2.ellipse(image, eye, (side // 12, side // 16), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(image, eye, side // 30, (60, 30, 0), -1, cv2.LINE_AA)
        cv2.ellipse(image, (eye[0], eye[1] - side // 10), (side // 9, side // 20), 0, 200, 340, (0, 40, 80), 4)
    cv2.line(image, middle, (320 - side // 20, 240 + side // 10), (60, 120, 200), 4, cv2.LINE_AA)
    cv2.ellipse(image, (320, 240 + side // 5), (side // 6, side // 14), 0, 0, 180, (60, 60, 220), -1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("side", [80, 420])
def test_a_cartoon_face_is_found_where_it_is_or_not(live, completion, side):
    for seen in look(live, cartoon(side)):
        assert np.linalg.norm(centre(seen) - [320, 240]) < side / 3
        assert np.isfinite(completion(seen.crop, seen.foundation, seen.layers).mesh.vertices).all()


# --- very many, very large --------------------------------------------------------------------------------------------


class Counted:
    """A network that counts how often it is asked."""

    def __init__(self, network):
        self._network, self.calls = network, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self._network(*arguments, **options)


@pytest.fixture(scope="module")
def crowd():
    """Twenty faces, every second one mirrored."""
    head = cv2.resize(PHOTOGRAPH[20:240, 110:330], (160, 160), interpolation=cv2.INTER_AREA)
    return np.vstack([np.hstack([head[:, :: (-1) ** (row + n)] for n in range(5)]) for row in range(4)])


def test_of_twenty_faces_eight_are_taken_with_bounded_work(live, crowd, monkeypatch):
    mesh = Counted(live.detection._mesh)
    monkeypatch.setattr(live.detection, "_mesh", mesh)
    live.reset()
    for n in range(2):
        seen = live(frame(crowd), n / 15, 8)
        for each in seen:
            check(each)
        assert len(seen) == 8 and len({each.id for each in seen}) == 8 == len(live.known)
    assert mesh.calls <= 2 * 2 * 8 + 16, "two passes for each face of each frame"
    centres = np.array([centre(each) for each in seen])
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) + 1e9 * np.eye(8)
    assert apart.min() > 80, "eight different ones"


def test_one_of_twenty_is_taken_and_kept(live, crowd):
    live.reset()
    ids = {each.id for n in range(3) for each in live(frame(crowd), n / 15)}
    assert len(ids) == 1


def test_an_image_of_48_megapixels(live):
    image = np.full((6000, 8000, 3), 90, np.uint8)
    image[1000:4072, 2000:5072] = cv2.resize(PHOTOGRAPH, (3072, 3072))
    (seen,) = live._fast(frame(image))
    check(seen)
    assert centre(seen) == pytest.approx([2000 + 6 * 224, 1000 + 6 * 122], abs=60)


def test_an_image_that_is_no_more_than_a_line(live):
    rows = np.tile(PHOTOGRAPH[120:123], (1, 60, 1))
    assert look(live, rows) == [] and look(live, np.rot90(rows)) == []


# --- time that does not do what it should -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stamps",
    [
        [10.0, 10.1, 10.2 - 3600, 10.3 - 3600],
        [0.0, 0.0, 0.0],
        [10.0, 10.1, 10.1, 10.2],
        [10.0, 10.1, 2.0**31, 2.0**31 + 0.1],
        [10.0, 2.0**31, 10.1, 10.2],
        [-5.0, -4.9, -(2.0**31), 0.0],
        [10.0, 10.2, 10.1, 10.3],
    ],
    ids=["a bag in a loop", "none", "twice the same", "into the future", "one from the future", "negative", "swapped"],
)
def test_whatever_the_stamps_say_the_face_stays_where_it_is(live, stamps):
    live.reset()
    (alone,) = live._fast(frame(PHOTOGRAPH))
    for stamp in stamps:
        (seen,) = live(frame(PHOTOGRAPH), stamp)
        check(seen)
        apart = np.linalg.norm(seen.foundation.vertices - alone.foundation.vertices, axis=1)
        assert apart.max() < 0.03 * alone.foundation.t[2]
        assert len(live.known) == 1, "nobody is remembered twice"


def test_a_bag_that_starts_anew_is_another_visit_and_a_second_image_of_one_stamp_is_not(live):
    live.reset()
    first, same, again = (live(frame(PHOTOGRAPH), stamp)[0].id for stamp in (3700.0, 3700.0, 100.0))
    assert first == same != again


# --- a camera whose calibration changes -------------------------------------------------------------------------------


def test_a_calibration_that_changes_in_mid_stream_is_followed(live):
    """Twice the focal length: twice the distance, within the half second that a zoom may take."""
    live.reset()
    near, far = (
        Camera(np.array([[focal, 0, 255.5], [0, focal, 255.5], [0, 0, 1.0]]), 512, 512) for focal in (600, 1200)
    )
    seen = [live(frame(PHOTOGRAPH, near if n < 3 else far), n / 15)[0] for n in range(10)]
    for each in seen:
        check(each)
    assert len({each.id for each in seen}) == 1
    assert seen[-1].foundation.t[2] == pytest.approx(2 * seen[2].foundation.t[2], rel=0.1)
