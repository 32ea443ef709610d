"""Details of rendered faces, and what the bump network is told of them."""

from dataclasses import replace

import numpy as np
import pytest

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.smoothing import smooth_over
from extreme3d_ros.records import Crop, Foundation
from extreme3d_ros.stages.crop import framing, resample
from extreme3d_ros.stages.surface import SurfaceRaster
from training.bump.truth import on_crop, truth_of
from training.face_model.ict import ICT_FOLDER
from training.faces.detail import FaceDetail, bumped
from training.faces.generator import FaceGenerator, Wish

if not ICT_FOLDER.exists():
    pytest.skip("no ../shared/data/ict_facekit: its heads are what is rendered", allow_module_level=True)


@pytest.fixture(scope="module")
def generator():
    return FaceGenerator()


@pytest.fixture(scope="module")
def detail(generator):
    return FaceDetail(generator.heads.ict)


def test_a_wave_on_a_plane_tilts_its_normals_as_it_slopes():
    camera = Camera.assumed(200, 200)
    y, x = np.mgrid[:200, :200].astype(np.float64)
    points = camera.rays(np.stack([x, y], -1)) * 0.5
    height = 1e-3 * np.sin(points[..., 0] / 3e-3)
    normals = bumped(np.broadcast_to([0.0, 0.0, -1.0], points.shape), points, height)
    slope = 1e-3 / 3e-3 * np.cos(points[..., 0] / 3e-3)
    wanted = np.stack([-slope, 0 * slope, -np.ones_like(slope)], -1)
    wanted /= np.linalg.norm(wanted, axis=2, keepdims=True)
    off = np.degrees(np.arccos(np.clip((normals * wanted).sum(2), -1, 1)))
    assert off[5:-5, 5:-5].max() < 1.5  # what differences of neighbours leave


def at_work(detail, **activations):
    """The height (S, S) of a face with these muscles active, otherwise the same."""
    expression = np.zeros(len(detail._names))
    for name, value in activations.items():
        expression[[i for i, known in enumerate(detail._names) if known.startswith(name)]] = value
    return detail(expression, np.random.default_rng(5)).height[..., 0]


@pytest.mark.parametrize(
    "muscle, place",
    [
        ("browInnerUp", np.s_[540:600, 200:440]),  # forehead
        ("browDown", np.s_[490:530, 290:350]),  # between the brows
        ("mouthSmile", np.s_[270:360, 220:280]),  # the right nasolabial fold
    ],
)
def test_wrinkles_deepen_where_a_muscle_works(detail, muscle, place):
    rest, active = at_work(detail), at_work(detail, **{muscle: 1.0})
    assert active[place].std() > 1.2 * rest[place].std()
    assert np.abs(active).max() < 6e-3


def test_hollows_see_less_of_the_sky(detail):
    made = detail(np.zeros(53), np.random.default_rng(2))
    height, open_ = made.height[..., 0], made.open[..., 0]
    assert 0 < open_.min() and open_.max() <= 1
    deep = height < np.percentile(height, 1)
    assert open_[deep].mean() < open_[height > np.percentile(height, 60)].mean() - 0.03


def perfect(generator, made):
    """Crop and foundation of a picture, were the fit without error."""
    camera, points = made.camera, generator.heads.model.landmarks68.on(generator.heads.model.faces, made.vertices)
    crop_to_image = framing(camera.project(points))
    crop = Crop(resample(made.image, crop_to_image, 512), camera.crop(crop_to_image, 512, 512), crop_to_image)
    return crop, Foundation(made.vertices, made.R, made.t)


def test_against_a_perfect_foundation_the_bump_is_the_detail_alone(generator):
    made, model = generator(70_001, Wish(size=(480, 480), yaw=10.0, share=0.0, near=(0.7, 0.7))), generator.heads.model
    crop, foundation = perfect(generator, made)
    surface = SurfaceRaster(model)(foundation, crop)
    truth = truth_of(made, model, crop, foundation, surface)
    where = np.isfinite(truth.bump) & (surface.facing > 0.6)
    rise = on_crop(made.height, crop) / np.clip(surface.facing, 0.3, 1)
    rise = (rise - smooth_over(rise, np.isfinite(truth.bump), 32.0))[where]
    assert np.abs(truth.bump[where] - rise).mean() < 0.1 * np.abs(rise).mean() + 2e-5
    assert truth.mask[where].mean() > 0.9


def test_how_far_away_a_face_was_thought_to_be_does_not_matter(generator):
    made, model = generator(70_002, Wish(size=(400, 400), yaw=0.0, share=0.0, near=(0.7, 0.7))), generator.heads.model
    crop, foundation = perfect(generator, made)
    far = replace(foundation, vertices=np.float32(1.1) * foundation.vertices, t=1.1 * foundation.t)
    near_bump, far_bump = (
        truth_of(made, model, crop, f, SurfaceRaster(model)(f, crop)).bump for f in (foundation, far)
    )
    both = np.isfinite(near_bump) & np.isfinite(far_bump)
    np.testing.assert_allclose(far_bump[both], 1.1 * near_bump[both], atol=2e-5)


def test_hidden_skin_is_no_visible_skin(generator):
    made, model = generator(70_003, Wish(size=(400, 400), yaw=0.0, kind="sunglasses")), generator.heads.model
    crop, foundation = perfect(generator, made)
    truth = truth_of(made, model, crop, foundation, SurfaceRaster(model)(foundation, crop))
    glasses = on_crop(made.occluder, crop)
    assert glasses.sum() > 2000 and not truth.mask[glasses].any() and truth.object[glasses].all()
