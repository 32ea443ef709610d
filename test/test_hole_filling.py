"""Hole filling on a posed foundation with a known bump: who lends, how exactly, and what meets at the seam."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from face_scenes import MODEL, cheek_bumps, covered, scene

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.pipeline import Completion
from extreme3d_ros.records import HIDDEN, VISIBLE, Layers
from extreme3d_ros.references.person import Person
from extreme3d_ros.references.viewpoint import direction_of
from extreme3d_ros.stages.hole_filling import _TRUST, HoleFilling
from extreme3d_ros.stages.unwrapping import Unwrapping

FILLING = HoleFilling(MODEL)
Y, X = np.mgrid[:512, :512]


def relief(vertices):
    """Smooth, of 1 mm and no symmetry."""
    return 1e-3 * np.sin(vertices[:, 0] / 0.012 + 0.4) * np.cos(vertices[:, 1] / 0.014)


def symmetric(vertices):
    return relief(np.abs(vertices * [1, 0, 0]) + vertices * [0, 1, 1])


def disc(x, y, radius):
    return np.hypot(X - x, Y - y) < radius


#: Of the frontal scene: on the person's left cheek and on the forehead, away from nostrils, lips and rims.
CHEEK, FOREHEAD = disc(332, 330, 24), disc(256, 175, 28)


def acquainted(yaw=0, height=relief):
    """A person that was seen clear."""
    crop, foundation, surface, layers = scene(yaw, height)
    person = Person()
    person.add(FILLING.own_skin(crop, foundation, layers, surface), direction_of(foundation))
    return person


def error(filled, truth, where):
    """Root mean square, of the bump's spread there."""
    return np.sqrt(np.mean((filled - truth)[where] ** 2)) / np.std(truth[where])


class FakeGallery:
    """One entry; remembers what it was asked."""

    face_model, folder = MODEL.name, Path("fake")

    def __init__(self, skin, mirrored=False, feature=f"shape:{MODEL.name}"):
        self._skin, self._mirrored, self.feature, self.size = skin, mirrored, feature, len(skin)

    def __len__(self):
        return 300

    def alike(self, direction, feature, mirrored_feature, k=100, count=1):
        self.asked = direction, feature, mirrored_feature, k
        return [SimpleNamespace(index=0, mirrored=self._mirrored)]

    def mean_skin(self, matches):
        return self._skin[:, ::-1] if self._mirrored else self._skin


def gallery_of(height, **options):
    crop, foundation, surface, layers = scene(0, height)
    visible = layers.occlusion == VISIBLE
    return FakeGallery(Unwrapping(MODEL)(foundation, crop, surface, layers.bump, visible), **options)


# --- who lends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [CHEEK, FOREHEAD])
def test_the_person_s_own_skin_fills_a_hole_exactly(where):
    crop, foundation, surface, layers = scene(0, relief)
    hidden, hole = covered(layers, where)
    filling = FILLING(crop, foundation, hidden, surface, acquainted())
    assert hole.sum() > 1500 and filling.sources == {"person": 1.0}
    assert error(filling.bump, layers.bump, hole) < 0.05


def test_a_view_from_another_side_lends_too():
    crop, foundation, surface, layers = scene(12, relief)
    hidden, hole = covered(layers, FOREHEAD)
    filling = FILLING(crop, foundation, hidden, surface, acquainted(-12))
    assert filling.sources == {"person": 1.0}
    # The scene's bumps run along the rays, so they are of other heights in another pose: by some 5 % at these angles.
    assert error(filling.bump, layers.bump, hole) < 0.1


def test_a_one_sided_hole_is_filled_from_the_mirrored_half():
    crop, foundation, surface, layers = scene(0, symmetric)
    hidden, hole = covered(layers, CHEEK)
    filling = FILLING(crop, foundation, hidden, surface)
    assert filling.sources == {"mirror": 1.0}
    assert error(filling.bump, layers.bump, hole) < 0.05


def test_a_whole_hidden_half_has_the_other_s_detail():
    crop, foundation, surface, layers = scene(0, cheek_bumps)
    hidden, hole = covered(layers, X >= 262)
    filling = FILLING(crop, foundation, hidden, surface)
    inside = hole & (layers.bump > 1e-3)
    assert inside.sum() > 100
    np.testing.assert_allclose(filling.bump[inside], layers.bump[inside], atol=2e-4)


@pytest.mark.parametrize("mirrored", [False, True])
def test_references_fill_what_they_show_as_far_as_they_are_trusted(mirrored):
    side = [-1, 1, 1] if mirrored else [1, 1, 1]
    gallery = gallery_of(lambda v: relief(v * side) / _TRUST, mirrored=mirrored)
    crop, foundation, surface, layers = scene(0, relief)
    hidden, hole = covered(layers, CHEEK | disc(179, 330, 24))
    filling = HoleFilling(MODEL, gallery)(crop, foundation, hidden, surface)
    assert filling.sources == {"reference": 1.0}
    assert error(filling.bump, layers.bump, hole) < 0.05
    direction, feature, other, k = gallery.asked
    np.testing.assert_allclose(direction, direction_of(foundation))
    assert feature.shape == other.shape and k == 100


def test_in_a_small_gallery_only_near_viewpoints_are_asked():
    gallery = gallery_of(symmetric)
    gallery.__class__ = type("Small", (FakeGallery,), {"__len__": lambda self: 64})
    crop, foundation, surface, layers = scene(0, symmetric)
    HoleFilling(MODEL, gallery)(crop, foundation, covered(layers, CHEEK)[0], surface)
    assert gallery.asked[-1] == 32  # of 128, with the twins


def test_the_first_that_knows_lends():
    gallery = gallery_of(symmetric)
    crop, foundation, surface, layers = scene(0, symmetric)
    hidden, _ = covered(layers, CHEEK)
    person = acquainted(0, symmetric)
    assert list(HoleFilling(MODEL, gallery)(crop, foundation, hidden, surface, person).sources) == ["person"]
    assert list(HoleFilling(MODEL, gallery)(crop, foundation, hidden, surface).sources) == ["reference"]
    turned = HoleFilling(MODEL, gallery, order=("mirror", "reference", "person"))
    assert list(turned(crop, foundation, hidden, surface, person).sources) == ["mirror"]


def test_lenders_that_disagree_on_heights_make_no_steps():
    crop, foundation, surface, layers = scene(0, symmetric)
    skin = FILLING.own_skin(crop, foundation, layers, surface)
    middle = round(256 * MODEL.uv[np.argmin(np.linalg.norm(MODEL.mean[:, :2] - [0.0417, -0.041], axis=1)), 0])
    skin[:, :middle] += 4e-4  # of another height, and blind to the rest
    skin[:, middle:] = np.nan
    person = Person()
    person.add(skin, direction_of(foundation))
    hidden, hole = covered(layers, CHEEK)
    filling = FILLING(crop, foundation, hidden, surface, person)
    assert set(filling.sources) == {"person", "mirror"} and sum(filling.sources.values()) == pytest.approx(1)
    assert min(filling.sources.values()) > 0.1
    assert error(filling.bump, layers.bump, hole) < 0.05


# --- holes ------------------------------------------------------------------------------------------------------------


def test_where_nothing_is_hidden_the_bump_itself_comes_back():
    crop, foundation, surface, layers = scene(0, relief)
    filling = FILLING(crop, foundation, layers, surface, acquainted())
    assert filling.bump is layers.bump and filling.sources == {}


def test_outside_the_hole_and_its_margin_nothing_changes():
    crop, foundation, surface, layers = scene(0, relief)
    hidden, hole = covered(layers, CHEEK)
    filled = FILLING(crop, foundation, hidden, surface, acquainted()).bump
    np.testing.assert_array_equal(filled[~disc(332, 330, 32)], layers.bump[~disc(332, 330, 32)])


def test_what_lies_next_to_an_object_is_not_trusted():
    crop, foundation, surface, layers = scene(0, relief)
    hidden, hole = covered(layers, CHEEK)
    spoilt = np.where(disc(332, 330, 28) & ~hole, 5e-3, hidden.bump).astype(np.float32)  # as an object's outline does
    filled = FILLING(crop, foundation, Layers(spoilt, hidden.occlusion), surface, acquainted()).bump
    assert error(filled, layers.bump, disc(332, 330, 28)) < 0.05


@pytest.mark.parametrize("lender", ["person", "mirror"])
def test_no_jump_along_the_seam(lender):
    """The lender's heights are off by 2 mm: only its differences may show."""
    crop, foundation, surface, layers = scene(0, symmetric)
    hidden, hole = covered(layers, CHEEK)
    person = acquainted(0, lambda v: symmetric(v) + 2e-3) if lender == "person" else None
    filled = FILLING(crop, foundation, hidden, surface, person).bump
    steps = np.maximum(np.abs(np.diff(filled, axis=0))[:, :-1], np.abs(np.diff(filled, axis=1))[:-1])
    seam = disc(332, 330, 33)[:-1, :-1] & ~disc(332, 330, 27)[:-1, :-1]
    inside = disc(332, 330, 40)[:-1, :-1] & ~seam
    assert steps[seam].max() < 1.2 * steps[inside].max()


def test_what_is_hidden_on_both_sides_stays_smooth():
    crop, foundation, surface, layers = scene(0, lambda v: 1e-3 * np.ones(len(v)))
    hidden, hole = covered(layers, np.abs(Y - 262) < 50)
    filling = FILLING(crop, foundation, hidden, surface)
    assert filling.sources["none"] > 0.95
    assert np.abs(filling.bump[hole & (np.abs(Y - 262) < 4)]).max() < 1e-4, "zero, far from what is known"
    assert np.abs(np.diff(filling.bump, axis=0))[180:340, 230:280].max() < 2e-4


def test_with_everything_hidden_there_is_no_bump():
    crop, foundation, surface, layers = scene(0, cheek_bumps)
    hidden, hole = covered(layers, np.ones((512, 512), bool))
    filling = FILLING(crop, foundation, hidden, surface)
    assert not filling.bump[hole].any() and filling.sources == {"none": 1.0}
    assert hidden.occluded_fraction == 1.0


def test_with_everything_hidden_the_person_still_lends():
    crop, foundation, surface, layers = scene(0, relief)
    hidden, hole = covered(layers, np.ones((512, 512), bool))
    filling = FILLING(crop, foundation, hidden, surface, acquainted())
    assert filling.sources["person"] > 0.9
    off = (filling.bump - layers.bump)[CHEEK]
    assert np.std(off) < 0.1 * np.std(layers.bump[CHEEK]), "no seam tells it the height"


@pytest.mark.parametrize("yaw", [-50, 20])
def test_the_shares_sum_to_one(yaw):
    crop, foundation, surface, layers = scene(yaw, relief)
    hidden, _ = covered(layers, (X > 250) & (Y > 200))
    sources = FILLING(crop, foundation, hidden, surface, acquainted(20)).sources
    assert sum(sources.values()) == pytest.approx(1) and set(sources) <= {"person", "reference", "mirror", "none"}


# --- on the road ------------------------------------------------------------------------------------------------------


def test_completion_remembers_then_fills():
    crop, foundation, _, layers = scene(0, relief)
    completion, person = Completion(MODEL), Person()
    clear = completion(crop, foundation, layers, person)
    assert clear.filled_from == {} and clear.bump is layers.bump and len(person) == 1
    hidden, hole = covered(layers, CHEEK)
    completed = completion(crop, foundation, hidden, person)
    assert completed.filled_from == {"person": 1.0} and "remembering" in completed.timings_ms
    assert error(completed.bump, layers.bump, hole) < 0.05


def test_references_of_another_face_model_or_feature_are_refused():
    gallery = gallery_of(relief)
    gallery.face_model = "bfm2009"
    with pytest.raises(ModelFileError, match=r"fake are of the face model bfm2009, not .*extreme3d references build"):
        HoleFilling(MODEL, gallery)
    with pytest.raises(ModelFileError, match="feature embedding:0"):
        HoleFilling(MODEL, gallery_of(relief, feature="embedding:0"))


def test_hidden_pixels_count_as_hole_though_no_lender_knows_them():
    crop, foundation, surface, layers = scene(0, relief)
    occlusion = layers.occlusion.copy()
    occlusion[:5, :5] = HIDDEN  # off the foundation: a label that nobody can have meant
    filling = FILLING(crop, foundation, Layers(layers.bump, occlusion), surface, acquainted())
    assert filling.sources == {"none": 1.0} and np.isfinite(filling.bump).all()
