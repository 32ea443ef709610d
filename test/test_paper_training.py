"""Training of the paper's identity, expression and pose networks: what they are shown and what leaves it."""

import json
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install -e '.[training]'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from render_samples import MODEL, placed, samples, write  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402

from extreme3d_ros.camera import Camera  # noqa: E402
from extreme3d_ros.engines import OnnxEngine  # noqa: E402
from extreme3d_ros.networks.resnet import BasicBlock  # noqa: E402
from extreme3d_ros.networks.shape import CoefficientNetwork  # noqa: E402
from extreme3d_ros.stages.detection.region import Region  # noqa: E402
from training.foundation.batches import load  # noqa: E402
from training.paper import __main__ as command  # noqa: E402
from training.paper import lessons  # noqa: E402
from training.paper.batches import PictureBatches, PoseTruth  # noqa: E402
from training.paper.lessons import lesson_of  # noqa: E402
from training.paper.poses import FACING, FOCAL, MIRRORED, pose_in_camera, pose_shown  # noqa: E402

KINDS = ("shape", "expression", "pose")
regions = st.builds(Region, *[st.floats(-100, 300)] * 2, st.floats(40, 400), st.floats(-3, 3))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(lessons.BACKBONES, "tiny", ((BasicBlock, (1, 1), 8), (6, 16)))


def test_poses_of_renders_place_the_points_in_their_turned_windows(tmp_path):
    """A picture's head, kept in a turned window: the pose goes along."""
    made, window = samples(), Region(70.0, 90.0, 110.0, 0.4)
    (file,) = write(tmp_path, made, 1)
    arrays = dict(np.load(file))
    np.savez(file, **arrays | {"to_image": np.tile(window.to_image(1), (len(made), 1, 1))})
    found = load([file])
    for row, coefficients in enumerate(made.coefficients):
        seen = Camera(found.K[row], 160, 160).project(placed(coefficients, found.R[row], found.t[row]))
        np.testing.assert_allclose(seen, found.true[row], atol=1e-3)


@settings(max_examples=20)
@given(regions, st.integers(0, 3))
def test_the_pose_that_a_window_shows_puts_the_model_on_the_true_points(region, row):
    made = samples()
    pose = PoseTruth().of(made, row, region).astype(np.float64)
    R, t = pose_in_camera(pose, made.K[row], region)
    seen = Camera(made.K[row], 160, 160).project(placed(made.coefficients[row], R, t))
    np.testing.assert_allclose(seen, made.true[row], atol=2e-3)


@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_a_pose_is_told_for_the_window_as_a_camera(angle):
    """The window's own camera, where the picture's is one of its focal length that looks at its middle."""
    made, side = samples(1), 400.0 / FOCAL
    window = Region(80.5, 80.5, side, angle)
    pose = PoseTruth().of(made, 0, window).astype(np.float64)
    x, y, z = placed(made.coefficients[0], Rotation.from_rotvec(pose[:3]).as_matrix() @ FACING, pose[3:]).T
    seen = FOCAL * np.column_stack([x, y]) / z[:, None] + 0.5
    np.testing.assert_allclose(window.place(seen, 1) - 0.5, made.true[0], atol=2e-3)


def test_a_head_that_faces_its_window_is_not_turned_wherever_it_is():
    K, aside = np.array([[300.0, 0, 50], [0, 300, 50], [0, 0, 1]]), np.array([0.2, -0.1, 0.6])
    x, y = Camera(K, 100, 100).project(aside)
    window = Region(x + 0.5, y + 0.5, 90.0)
    R, t = pose_in_camera(np.array([0, 0, 0, 0, 0, 1.0]), K, window)
    np.testing.assert_allclose(np.cross(t, aside), 0, atol=1e-9)
    np.testing.assert_allclose(R @ [0, 0, 1], -t / np.linalg.norm(t), atol=1e-9)


@settings(max_examples=15)
@given(regions, st.integers(0, 3))
def test_a_mirrored_pose_is_that_of_the_mirrored_head(region, row):
    made, flip = samples(), np.diag([-1.0, 1.0, 1.0])
    K, R, t = made.K[row].copy(), made.R[row], made.t[row]
    pose = pose_shown(R, t, K, region)
    K[0, 2] = 159 - K[0, 2]
    other = Region(160 - region.x, region.y, region.side, -region.angle)
    np.testing.assert_allclose(pose_shown(flip @ R @ flip, flip @ t, K, other), pose * MIRRORED, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_variation_is_seeded_and_a_mirror_s_mirror_shows_the_truth(kind):
    lesson = lesson_of(kind, MODEL)
    batches = PictureBatches(samples(), MODEL, 64, lesson.truth)
    one, same, other = (batches.varied(range(4), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same)) and (one[0] != other[0]).any()
    assert one[0].shape == (4, 3, 64, 64) and one[0].dtype == np.uint8 and one[1].dtype == np.float32
    truth = batches.plain([0])[1][0]
    np.testing.assert_allclose(lesson.truth.mirrored(lesson.truth.mirrored(truth)), truth, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_costs_nothing_and_has_no_error(kind, tiny):
    lesson = lesson_of(kind, MODEL)
    images, truths = PictureBatches(samples(), MODEL, lesson.size, lesson.truth).plain(range(4))
    network = lesson.network("tiny", images, truths).eval()
    with torch.no_grad():
        outputs = network(torch.from_numpy(images))
    truth = torch.from_numpy(truths)
    exact = torch.split(truth, [part.shape[1] for part in outputs], 1)
    assert len(outputs) == len(lesson.outputs) and lesson(exact, truth) == 0 < lesson(outputs, truth)
    assert all(error.max() < 1e-3 for error in lesson.errors(exact, truth).values())


def test_a_pose_s_loss_is_what_the_network_says_in_deviations(tiny):
    lesson = lesson_of("pose", MODEL)
    images, truths = PictureBatches(samples(), MODEL, lesson.size, lesson.truth).plain(range(4))
    network, truth = lesson.network("tiny", images, truths).eval(), torch.from_numpy(truths)
    with torch.no_grad():
        images = torch.from_numpy(images)
        wanted = (network.normalised(images) - (truth - network.mean) / network.deviation).square().mean()
        assert lesson(network(images), truth).item() == pytest.approx(wanted.item(), rel=1e-3)


def test_pose_errors_are_degrees_and_millimetres():
    truth = torch.tensor([[0.1, 0.0, 0.0, 0.0, 0.0, 0.6]])
    guess = torch.tensor([[0.3, 0.0, 0.0]]), torch.tensor([[0.003, 0.004, 0.6]])
    errors = lesson_of("pose", MODEL).errors(guess, truth)
    assert errors["degrees"].item() == pytest.approx(np.degrees(0.2), rel=1e-5)
    assert errors["mm"].item() == pytest.approx(5.0, rel=1e-4)


def test_expression_has_the_size_of_the_paper():
    with torch.device("meta"):
        network = CoefficientNetwork((29,))
    assert sum(p.numel() for p in network.parameters()) == 42_500_160 + 29 * 2049
    assert network.state_dict()["fc.weight"].shape == (29, 2048)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_trained_goes_on_where_it_stopped_and_runs(kind, tiny, tmp_path, monkeypatch):
    made = samples(8)
    write(tmp_path, made, 5)

    def run(epochs):
        options = ["--backbone", "tiny", "--epochs", str(epochs), "--batch", "8", "--processes", "0", "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["training.paper", kind, "--folder", str(tmp_path), *options])
        command.main()
        return OnnxEngine(tmp_path / f"{kind}-tiny.onnx")

    first, again = run(2), run(2)
    log = [json.loads(line) for line in (tmp_path / f"{kind}-tiny.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2] and first.metadata == again.metadata
    figures = json.loads(again.metadata["figures"])
    for name in ("degrees", "mm") if kind == "pose" else ("mm",):
        assert {f"{name}_clear", f"{name}_hidden", f"{name}_of_mean"} <= set(figures)
    lesson = lesson_of(kind, MODEL)
    images, truths = PictureBatches(made, MODEL, lesson.size, lesson.truth).plain([0])
    found = again(image=images.astype(np.float32))
    assert sum(part.size for part in found.values()) == truths.size and tuple(found) == lesson.outputs
    assert again.metadata["face_model"] == MODEL.name and "BGR" in again.metadata["input"]
