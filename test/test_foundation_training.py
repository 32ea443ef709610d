"""Training of the foundation network: what it is shown, what it is punished for, and what leaves it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install -e '.[training]'")

from render_samples import MODEL, samples, write  # noqa: E402

from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.engines import OnnxEngine  # noqa: E402
from extreme3d_ros.face_model.mirror_image import MirrorImage  # noqa: E402
from extreme3d_ros.networks.foundation import FoundationNetwork  # noqa: E402
from extreme3d_ros.networks.resnet import LIGHT, RESNET101, ResNet  # noqa: E402
from extreme3d_ros.output.atomic import write_bytes  # noqa: E402
from extreme3d_ros.stages.detection.region import Region  # noqa: E402
from extreme3d_ros.stages.window import window_about  # noqa: E402
from training.foundation.batches import (  # noqa: E402
    Batches,
    _cameras,
    _mapped,
    _misplaced,
    _to_window,
    load,
    sure,
)
from training.foundation.loss import FoundationLoss  # noqa: E402

MIRROR = MirrorImage(MODEL)


def test_mirrored_coefficients_are_the_mirrored_face():
    rng = np.random.default_rng(0)
    shape, expression = rng.normal(size=99), rng.normal(size=29)
    mirrored = MIRROR.coefficients @ np.concatenate([shape, expression])
    found = MODEL.vertices(mirrored[:99], mirrored[99:])
    wanted = MODEL.vertices(shape, expression)[MODEL.mirror] * [-1, 1, 1]
    assert np.abs(found - wanted).max() < 2e-5
    assert (MIRROR.twins[MIRROR.twins] == np.arange(468)).all()


def test_files_of_renders_give_points_in_the_windows_pixels(tmp_path):
    made = samples()
    found = load(write(tmp_path, made, 2))
    assert len(found) == 8
    np.testing.assert_allclose(found.true[:4], made.true, atol=1e-4)
    np.testing.assert_allclose(found.detected[4:], made.detected, atol=1e-9)
    np.testing.assert_allclose(found.K[:4], made.K)


def test_a_turned_window_is_a_turned_camera():
    angle, K = 0.3, np.array([[300.0, 0, 150], [0, 300, 140], [0, 0, 1]])
    to_image = Region(120.0, 110.0, 80.0, angle).to_image(1)[None]
    to_window = _to_window(to_image)
    back = Rotation.from_euler("z", -angle).as_matrix()
    places = np.random.default_rng(0).uniform([-0.1, -0.1, 0.5], [0.1, 0.1, 0.7], (20, 3))
    wanted = _mapped(to_window, Camera(K, 300, 300).project(places)[None])[0]
    found = Camera(_cameras(to_window, K[None])[0], 160, 160).project(places @ back.T)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_points_move_with_the_picture(seed):
    """Where the detected point is corrected by its error, there is the white spot."""
    made, rng = samples(seed=seed), np.random.default_rng(seed)
    batches = Batches(made, MODEL, 128)
    for detected in (made.detected[0], _misplaced(made.detected[0], rng)):
        window, _, _, errors, _, _ = batches._view(0, detected, made.K[0])
        region = window_about(detected, Camera(made.K[0], 160, 160), batches._mean_points).region
        to_image = region.to_image(128)
        spot = (detected[0] + 0.5 - to_image[:, 2]) @ np.linalg.inv(to_image[:, :2]).T - errors[0] * 128
        y, x = np.nonzero(window[..., 0] > 150)
        assert np.abs(np.array([x.mean(), y.mean()]) + 0.5 - spot).max() < 1.0


def test_what_is_seen_in_a_mirror_is_the_mirrored_face():
    """Residuals and rotation of the flipped points are the flipped residuals and rotation."""
    made = samples(1)
    batches, camera = Batches(made, MODEL, 128), Camera(made.K[0], 160, 160)
    one = window_about(made.detected[0], camera, batches._mean_points)
    flipped = (made.detected[0] * [-1, 1] + [160, 0])[MIRROR.twins]
    other = window_about(flipped, camera, batches._mean_points)
    np.testing.assert_allclose(other.residual, one.residual[MIRROR.twins] * [-1, 1], atol=2e-3)
    flip = np.array([-1.0, 1, 1])
    np.testing.assert_allclose(other.rotation, flip[:, None] * one.rotation * flip, atol=2e-2)


def test_variation_is_seeded_and_changes_every_picture():
    batches = Batches(samples(), MODEL, 128)
    one, same, other = (batches.varied(range(4), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same))
    assert all((a != b).any() for a, b in zip(one[0], other[0]))
    assert one[0].dtype == np.uint8 and one[0].shape == (4, 128, 128, 3)


def test_points_of_clear_faces_stay_and_those_of_hidden_ones_go_to_the_truth():
    made = samples(6)
    *_, errors, aims, _ = Batches(made, MODEL, 64).plain(range(6))
    yaw = np.degrees(np.arctan2(np.abs(made.R[:, 0, 2]), -made.R[:, 2, 2]))
    clear = made.share == 0
    np.testing.assert_array_equal(aims[~clear], errors[~clear])
    np.testing.assert_allclose(aims[clear & (yaw < 20)], 0, atol=1e-7)
    assert ((sure(made) > 0) == (clear & (yaw < 45))).all()


def test_surface_distances_are_those_of_the_model():
    off = np.random.default_rng(1).normal(size=128).astype(np.float32)
    shape, expression = FoundationLoss(MODEL).squared_mm(torch.from_numpy(off[None]))
    none, mean = np.zeros(0), MODEL.mean.astype(np.float64)
    moved = MODEL.vertices(none, off[99:]) - mean
    assert expression.item() == pytest.approx((moved**2).sum(1).mean() * 1e6, rel=1e-3)
    moved, size = MODEL.vertices(off[:99], none) - mean, mean - mean.mean(0)
    moved -= size * (moved * size).sum() / (size * size).sum()
    assert shape.item() == pytest.approx((moved**2).sum(1).mean() * 1e6, rel=1e-3)


def test_loss_falls_towards_the_truth_and_punishes_false_certainty():
    loss = FoundationLoss(MODEL)
    errors, coefficients = torch.rand(2, 468, 2), torch.randn(2, 128)

    def of(off, scatter):
        doubt = torch.full((2, 128), scatter)
        outputs = off - errors, doubt[:, :1].expand(2, 468), coefficients + off, doubt
        return loss(outputs, errors, errors, coefficients).item()

    assert of(0.0, -3.0) < of(0.3, -3.0) and of(0.3, -1.0) < of(0.3, -3.0) and of(0.0, -3.0) < of(0.0, -1.0)


def test_networks_have_the_sizes_of_the_papers():
    with torch.device("meta"):
        paper, light = ResNet(*RESNET101), ResNet(*LIGHT)
    assert sum(p.numel() for p in paper.parameters()) == 42_500_160
    assert paper.features == 2048 and light.features == 256
    assert FoundationNetwork(128)(*inputs(96))[2].shape == (2, 128)


def inputs(size):
    """Of a pair of faces that nothing is known of."""
    return torch.zeros(2, size, size, 3, dtype=torch.uint8), torch.zeros(2, 468, 2), torch.eye(3).repeat(2, 1, 1)


@pytest.mark.slow
def test_a_training_goes_on_where_it_stopped_and_its_network_runs(tmp_path):
    from training.foundation.train import export, train
    from training.loop import Plan

    files = write(tmp_path, samples(8), 5)
    plan = Plan(2, 8, 1e-3, 0, "cpu", tmp_path / "net.pth")
    network, figures = train(plan, 64, MODEL, files)
    again, same = train(plan, 64, MODEL, files)
    log = [json.loads(line) for line in (tmp_path / "net.jsonl").read_text().splitlines()]
    assert figures == same and [line["epoch"] for line in log] == [1, 2]
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values()))
    engine = OnnxEngine(write_bytes(tmp_path / "net.onnx", export(again, MODEL, 64, figures)))
    found = engine(**{name: part.numpy() for name, part in zip(("window", "residual", "rotation"), inputs(64))})
    with torch.no_grad():
        wanted = again.eval()(*inputs(64))
    np.testing.assert_allclose(found["moved"], wanted[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(found["coefficients"], wanted[2].numpy(), atol=1e-3)
    assert engine.metadata["face_model"] == MODEL.name
    plan.checkpoint.write_bytes(plan.checkpoint.read_bytes()[:5000])
    with pytest.raises((RuntimeError, OSError)):
        train(plan, 64, MODEL, files)
