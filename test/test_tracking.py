"""Faces keep their ids; the logic with a detection that knows where everybody is."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.records import Face
from extreme3d_ros.stages.detection.region import Pyramid
from extreme3d_ros.tracking import Tracker
from extreme3d_ros.tracking.appearance import Memory, look_at
from extreme3d_ros.tracking.choice import Choice
from extreme3d_ros.tracking.motion import Motion
from extreme3d_ros.tracking.person import Person, Sighting, distinct

STEP = 1 / 15
SIDE = 100
#: A square "face": the mesh points that code looks at by number lie where a face has them.
GRID = np.random.default_rng(0).uniform(-0.45, 0.45, (468, 2))
GRID[[33, 263, 234, 454, 1]] = [[-0.2, -0.1], [0.2, -0.1], [-0.5, 0], [0.5, 0], [0, 0.1]]
GRID[:2] = [[0, -0.5], [0, 0.1]]
GRID[10] = [0, 0.5]


def at(x, y=240, side=SIDE):
    return Face(GRID * side + [x, y], 0.9)


class Show:
    """Frames with people, and a Detection of them. Who comes later in a frame covers who came before."""

    def __init__(self):
        self.people, self.calls, self.false = {}, [], None

    def image(self, **people):
        """people: (x,), (x, y) or (x, y, side) by their names, which also seed their colours."""
        image = np.full((480, 640, 3), 90, np.uint8)
        self.people = {}
        for name, place in people.items():
            face = at(*place)
            x, y, w, h = (int(v) for v in face.bbox)
            pattern = np.random.default_rng(sum(map(ord, name))).integers(30, 220, (8, 8, 3)).astype(np.uint8)
            drawn = cv2.resize(pattern, (w, h), interpolation=cv2.INTER_CUBIC)
            left, top = max(x, 0), max(y, 0)
            part = image[top : y + h, left : x + w]
            part[:] = drawn[top - y :, left - x :][: part.shape[0], : part.shape[1]]
            self.people = {n: f for n, f in self.people.items() if np.ptp([f.bbox[0], x]) > w / 2 or f.bbox[3] > h}
            self.people[name] = face
        return image

    def follow(self, image, expected):
        self.calls.append("follow")
        off = {name: np.linalg.norm(f.points - expected, axis=1).mean() for name, f in self.people.items()}
        name = min(off, key=off.get, default=None)
        return self.people[name] if name and off[name] < 0.5 * SIDE else None

    def glance(self, image, known=()):
        self.calls.append("glance")
        new = [f for f in self.people.values() if all(np.abs(f.points - k.points).mean() > 5 for k in known)]
        shown = [0.0 if k is self.false else 0.9 for k in known]
        return SimpleNamespace(faces=[f for f in new if f is not self.false], doubtful=[], plain=shown)

    def stare(self, image, doubtful):
        return []

    def again(self, image, face):
        self.calls.append("again")
        return None

    def search(self, image):
        self.calls.append("search")
        return []


@pytest.fixture
def show():
    return Show()


def names(tracked):
    return [each.id for each in tracked]


def play(tracker, show, frames, start=0.0):
    """Ids of every person in every frame: a dict by name, None where it is not reported."""
    rows = []
    for n, people in enumerate(frames):
        image = show.image(**people)
        tracked = tracker(image, start + n * STEP, 3)
        rows.append({name: _id_at(tracked, face) for name, face in show.people.items()})
    return rows


def _id_at(tracked, face):
    return next((each.id for each in tracked if np.allclose(each.face.points, face.points)), None)


def ids_of(rows, name):
    return {row[name] for row in rows if row.get(name)}


def test_an_id_is_five_letters_and_a_faces_own(show):
    tracker = Tracker(show)
    rows = play(tracker, show, [{"a": (150,), "b": (450,)}] * 20)
    (a,), (b,) = ids_of(rows, "a"), ids_of(rows, "b")
    assert a != b and all(re.fullmatch("[a-z]{5}", each) for each in (a, b))
    assert tracker.known == {a, b} and all(None not in row.values() for row in rows)


def test_a_face_in_view_costs_one_look_of_the_mesh_network(show):
    play(Tracker(show), show, [{"a": (320,)}] * 60)
    assert show.calls.count("follow") == 59
    assert show.calls.count("glance") <= 12 and show.calls.count("again") == show.calls.count("search") == 0


def test_nobody_there_is_searched_for_now_and_then(show):
    assert all(row == {} for row in play(Tracker(show), show, [{}] * 60))
    assert show.calls.count("glance") == 60 and 5 <= show.calls.count("search") <= 11


@pytest.mark.parametrize("pace", [5, 12, 25])
@pytest.mark.parametrize("sizes", [(100, 100), (90, 110)])
def test_two_who_cross_keep_their_ids(show, pace, sizes):
    way = range(120, 520, pace)
    frames = [{"a": (x, 240, sizes[0]), "b": (640 - x, 245, sizes[1])} for x in way]
    rows = play(Tracker(show), show, frames)
    assert len(ids_of(rows, "a")) == len(ids_of(rows, "b")) == 1
    assert ids_of(rows, "a") != ids_of(rows, "b")


def test_one_picture_is_reported_once(show):
    tracker = Tracker(show)
    for x in range(120, 520, 8):
        tracked = tracker(show.image(a=(x,), b=(640 - x, 245)), x * STEP / 8, 3)
        centres = [each.face.points.mean(0) for each in tracked]
        assert all(np.linalg.norm(p - q) > 20 for n, p in enumerate(centres) for q in centres[:n])


@pytest.mark.parametrize("gone, same", [(0.5, True), (1.0, True), (2.5, True), (4.0, False)])
def test_a_face_out_of_sight_comes_back_as_itself_for_three_seconds(show, gone, same):
    frames = [{"a": (320,)}] * 15 + [{}] * round(gone / STEP) + [{"a": (350,)}] * 3
    rows = play(Tracker(show), show, frames)
    assert rows[-3]["a"]  # in the first frame
    assert (len(ids_of(rows, "a")) == 1) == same


def test_who_may_come_back_is_known_and_who_may_not_is_not(show):
    tracker = Tracker(show)
    rows = play(tracker, show, [{"a": (320,)}] * 5 + [{}] * 30)
    assert tracker.known == ids_of(rows, "a")
    play(tracker, show, [{}] * 30, start=35 * STEP)
    assert tracker.known == set()


def test_a_stranger_in_the_place_of_who_left_is_a_stranger(show):
    rows = play(Tracker(show), show, [{"a": (320,)}] * 15 + [{}] * 8 + [{"z": (320,)}] * 5)
    assert ids_of(rows, "z") and not ids_of(rows, "a") & ids_of(rows, "z")


def test_a_stranger_from_one_frame_to_the_next_is_a_stranger(show):
    rows = play(Tracker(show), show, [{"a": (320,)}] * 15 + [{"z": (322,)}] * 5)
    assert ids_of(rows, "z") and not ids_of(rows, "a") & ids_of(rows, "z")


def test_a_newcomer_is_seen_within_half_a_second(show):
    rows = play(Tracker(show), show, [{"a": (150,)}] * 9 + [{"a": (150,), "b": (450,)}] * 9)
    assert rows[9 + 7]["b"] and len(ids_of(rows, "a")) == 1


@pytest.mark.parametrize("leap", [-0.5, 10.0])
def test_time_that_falls_or_leaps_forgets_everybody(show, leap):
    tracker = Tracker(show)
    before = play(tracker, show, [{"a": (320,)}] * 10)
    after = play(tracker, show, [{"a": (320,)}] * 10, start=10 * STEP + leap)
    assert ids_of(before, "a").isdisjoint(ids_of(after, "a")) and tracker.known == ids_of(after, "a")


def test_the_same_instant_again_changes_nothing(show):
    tracker = Tracker(show)
    image = show.image(a=(320,))
    assert names(tracker(image, 1.0)) == names(tracker(image, 1.0))


def test_what_no_careful_look_confirms_is_dropped(show):
    tracker = Tracker(show)
    image = show.image(a=(320,))
    assert tracker(image, 0.0)
    show.false = show.people["a"]
    seen = [bool(tracker(image, n * STEP)) for n in range(1, 45)]
    assert all(seen[:13]) and not any(seen[-10:]) and "again" in show.calls


def test_max_faces_may_change_at_any_time(show):
    tracker = Tracker(show)
    image = show.image(a=(120, 240, 90), b=(320, 240, 120), c=(520, 240, 100))
    counts = [len(tracker(image, n * STEP, most)) for n, most in enumerate([1, 3, 2, 0, 1, 8])]
    assert counts == [1, 3, 2, 0, 1, 3]


def test_the_chosen_face_is_the_largest_and_stays_until_another_is_clearly_larger(show):
    tracker = Tracker(show)
    frames = [(100, 110), (112, 105), (100, 120), (100, 160)]
    chosen = []
    for n in range(4 * 30):
        a, b = frames[n // 30]
        tracked = tracker(show.image(a=(150, 240, a), b=(450, 240, b)), n * STEP)
        chosen.append("a" if tracked[0].face.points[:, 0].mean() < 300 else "b")
    assert set(chosen[:90]) == {"b"} and chosen[-1] == "b"


def test_another_is_chosen_when_it_is_clearly_larger_for_a_while():
    choice = Choice()
    before = [choice({"a": 100, "b": 90}, n * STEP, 1) for n in range(30)]
    after = [choice({"a": 100, "b": 180}, (30 + n) * STEP, 1) for n in range(30)]
    assert all(row == ["a"] for row in before + after[:4]) and after[-1] == ["b"]


def test_the_chosen_one_who_is_hidden_for_a_moment_keeps_the_seat():
    choice = Choice()
    both, b = {"a": 120, "b": 100}, {"b": 100}
    rows = [choice(both if n < 10 or n > 15 else b, n * STEP, 1) for n in range(30)]
    assert rows[12] == [] and rows[-1] == ["a"]
    assert choice(b, 31 * STEP, 1) == [] and choice(b, 50 * STEP, 1) == ["b"]


def test_who_was_here_before_claims_more_than_who_just_came(show):
    """A face that came back half covered was taken for a new one; now both are like it."""
    look = look_at(Pyramid(show.image(a=(320,))), show.people["a"].points)
    before, newcomer = (
        Person(name, Sighting(at(320), 0.9), look, since) for name, since in (("before", 0), ("new", 2))
    )
    sighting = Sighting(at(320), 0.9, [newcomer])
    assert before.claim(sighting, look, 2.1) < newcomer.claim(sighting, look, 2.1) < np.inf


def test_two_sightings_of_the_same_pixels_are_one():
    one, same, other = Sighting(at(320), 0.0, ["a"]), Sighting(at(330), 0.8, ["b"]), Sighting(at(380), 0.9)
    assert distinct([one, same, other]) == [Sighting(one.face, 0.8, ["a", "b"]), other]


@given(st.floats(-600, 600), st.floats(-600, 600), st.floats(0.01, 0.19))
def test_a_face_that_keeps_its_velocity_is_where_it_is_expected(u, v, step):
    motion = Motion(at(320).points, 0.0)
    places = [at(320).points + [u * n * step, v * n * step] for n in range(13)]
    for n in range(1, 12):
        motion.saw(places[n], n * step)
    np.testing.assert_allclose(motion.expected(12 * step), places[12], atol=0.1)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.floats(20, 300)), min_size=1), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_at_work_are_faces_in_view_each_once_and_no_seat_is_empty_for_long(frames, seats):
    choice = Choice()
    for n, sizes in enumerate(frames):
        at_work = choice(sizes, n * STEP, seats)
        assert set(at_work) <= set(sizes) and len(set(at_work)) == len(at_work) <= seats
    for n in range(30):
        at_work = choice(sizes, (len(frames) + n) * STEP, seats)
    assert len(at_work) == min(len(sizes), seats)


@given(st.floats(0.4, 1.6), st.tuples(*[st.floats(0.85, 1.15)] * 3))
@settings(max_examples=30, deadline=None)
def test_light_and_white_balance_do_not_make_a_stranger(gain, balance):
    show = Show()
    image = show.image(a=(320,))
    points = show.people["a"].points
    lit = np.clip(image * gain * np.array(balance), 0, 255).astype(np.uint8)
    memory = Memory(look_at(Pyramid(image), points))
    other = look_at(Pyramid(show.image(z=(320,))), points)
    assert memory.unlike(look_at(Pyramid(lit), points)) < 0.18 < memory.unlike(other)


@pytest.fixture(scope="module")
def head():
    data = pytest.importorskip("skimage.data")
    return cv2.resize(np.ascontiguousarray(data.astronaut()[:300, 80:400, ::-1]), (240, 225))


def photograph(head, *lefts):
    image = np.full((480, 640, 3), 110, np.uint8)
    for left in lefts:
        image[100:325, left : left + 240] = head
    return image


def test_a_face_that_moves_keeps_its_id_and_is_where_detection_finds_it(detection, head):
    tracker = Tracker(detection)
    given = set()
    for n, left in enumerate([100, 108, 118, 150, 190, 230, 262]):  # up to 40 pixels a frame
        image = photograph(head, left)
        (tracked,) = tracker(image, n * STEP)
        given.add(tracked.id)
        (face,) = detection(image)
        assert np.linalg.norm(tracked.face.points - face.points, axis=1).mean() < 1.5
    assert len(given) == 1


def test_a_face_covered_for_a_second_is_back_within_three_frames(detection, head):
    tracker = Tracker(detection)
    (before,) = [tracker(photograph(head, 200), n * STEP) for n in range(4)][-1]
    covered = [tracker(photograph(head), (4 + n) * STEP) for n in range(15)]
    back = [tracker(photograph(head, 210), (19 + n) * STEP) for n in range(3)]
    assert not any(covered) and names(back[-1]) == [before.id]


def test_two_faces_have_two_ids_in_every_frame(detection, head):
    tracker = Tracker(detection)
    rows = [names(tracker(photograph(head, 60 + n, 340), n * STEP, 2)) for n in range(8)]
    assert all(row == rows[0] for row in rows) and len(set(rows[0])) == 2


def test_who_comes_back_half_covered_is_not_somebody_new(show):
    """The colours of a face that another still covers in part are nobody's; later they are its own."""
    tracker = Tracker(show)
    rows = play(tracker, show, [{"a": (200,), "b": (420,)}] * 15 + [{"b": (420,)}] * 10)
    for n in range(12):
        image = show.image(**({"c": (200,)} if n < 4 else {"a": (200,)}), b=(420,))
        tracked = tracker(image, (25 + n) * STEP, 3)
    assert {each.id for each in tracked} == ids_of(rows, "a") | ids_of(rows, "b")
