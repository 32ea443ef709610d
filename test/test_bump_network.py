"""The bump network: Table 2, its loss, its window, and the layers that are made of its maps."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.geometry.raster import Raster
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.records import HIDDEN, NOT_FACE, TURNED_AWAY, VISIBLE, Crop, Frame, Surface
from extreme3d_ros.stages.bump_network import BumpNetwork
from extreme3d_ros.stages.face_window import FaceWindow, WindowMaker
from extreme3d_ros.stages.layers import labelled, layered

MODEL = load_face_model()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra: training)")


class TestTable2:
    def test_500_pixels_become_512_and_every_block_has_its_width(self, torch):
        from extreme3d_ros.networks.bump import EncoderDecoder

        network = EncoderDecoder(heads=2)
        with torch.no_grad():
            maps = network(torch.zeros(1, 3, 500, 500))
        assert [tuple(value.shape) for value in maps] == [(1, 1, 512, 512)] * 2
        encoder = [[(c.in_channels, c.out_channels, c.stride[0]) for c in block[::2]] for block in network.encoder]
        assert encoder[0] == [(3, 3, 1), (3, 16, 1), (16, 16, 1)]
        assert encoder[6] == [(512, 512, 2), (512, 1024, 1), (1024, 1024, 1)]
        assert [block.up.out_channels for block in network.decoder] == [512, 256, 128, 64, 32]
        head = network.heads[0]
        assert (head.block.up.out_channels, head.block.joined[0].in_channels, head.last.out_channels) == (16, 32, 1)

    def test_weights_start_as_glorot_and_bengio_s_and_biases_at_a_tenth(self, torch):
        from extreme3d_ros.networks.bump import EncoderDecoder

        torch.manual_seed(0)
        for name, value in EncoderDecoder(heads=1, width=0.5).named_parameters():
            if name.endswith("bias"):
                assert (value == 0.1).all()
            elif value.numel() > 10_000:
                wanted = 2 / np.sqrt(9 * sum(value.shape[:2]))  # a gain of sqrt(2) for the ReLUs
                assert value.std().item() == pytest.approx(wanted, rel=0.05)

    def test_heads_share_all_but_the_last_block(self, torch):
        from extreme3d_ros.networks.bump import EncoderDecoder

        one, three = (sum(p.numel() for p in EncoderDecoder(heads, width=0.25).parameters()) for heads in (1, 3))
        last = 9 * (8 * 4 + 8 * 4 + 4 * 4 + 4) + 3 * 4 + 1
        assert three - one == 2 * last

    def test_a_bump_stays_within_what_the_encoding_holds(self, torch):
        from extreme3d_ros.networks.bump import HIGHEST
        from extreme3d_ros.networks.bump import BumpNetwork as Network

        window = torch.randint(0, 256, (2, 64, 128, 3), dtype=torch.uint8)
        with torch.no_grad():
            mask, bump, hidden = Network(0.125)(window, torch.randn(2, 64, 128, 3), torch.randn(2, 64, 128, 2))
        assert mask.shape == bump.shape == hidden.shape == (2, 64, 128) and bump.abs().max() <= HIGHEST


class TestLoss:
    def test_eq_5_of_a_ramp(self, torch):
        from training.bump.loss import _SLOPES, bump_loss

        ramp = 0.25 * torch.arange(8.0).expand(1, 8, 8)
        # Heights are off by 0.875 on average, and by 0.25 a pixel along x.
        assert bump_loss(ramp, torch.zeros(1, 8, 8), torch.ones(1, 8, 8)) == pytest.approx(0.875 + 0.25 * _SLOPES)

    def test_what_is_unknown_or_far_off_counts_for_nothing(self, torch):
        from training.bump.loss import bump_loss

        bump, found = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8, requires_grad=True)
        bump[0, 2, 3], bump[0, 5] = float("nan"), 40.0
        loss = bump_loss(found, bump, torch.ones(1, 8, 8))
        loss.backward()
        assert loss == 0 and torch.isfinite(found.grad).all()

    def test_the_true_answer_is_the_best(self, torch):
        from training.bump.batches import COVERED, MASK, OBJECT
        from training.bump.loss import BumpLoss

        bump = torch.randn(1, 16, 16)
        labels = torch.full((1, 16, 16), COVERED | MASK, dtype=torch.uint8)
        labels[0, :5] = COVERED | OBJECT
        sure = [torch.where((labels & bit) > 0, 9.0, -9.0) for bit in (MASK, OBJECT)]
        right = BumpLoss()((sure[0], 1e-3 * bump, sure[1]), bump, labels)
        for wrong in ((-sure[0], 1e-3 * bump, sure[1]), (sure[0], 0 * bump, sure[1]), (sure[0], 1e-3 * bump, -sure[1])):
            assert BumpLoss()(wrong, bump, labels) > right + 0.1


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_under_the_roc_curve_is_the_chance_of_the_right_order(pairs):
    pytest.importorskip("torch")
    from training.bump.train import area_under_roc

    scores, positive = np.array([s for s, _ in pairs], float), np.array([p for _, p in pairs])
    hits, misses = scores[positive], scores[~positive]
    if not len(hits) or not len(misses):
        assert np.isnan(area_under_roc(scores, positive))
        return
    order = np.sign(hits[:, None] - misses[None])
    assert area_under_roc(scores, positive) == pytest.approx((0.5 + 0.5 * order).mean())


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 400), st.integers(0, 100), st.integers(0, 100))
def test_a_map_laid_back_is_where_it_was_cut(side, left, top):
    y, x = np.mgrid[:512, :512].astype(np.float32)
    image = np.sin(x / 40) + 0.002 * y
    window = FaceWindow(left, top, side)
    back = window.laid_back(window.cut(image))
    inside = np.s_[top + 3 : top + side - 3, left + 3 : left + side - 3]
    np.testing.assert_allclose(back[inside], image[inside], atol=4e-3)
    assert np.count_nonzero(back) <= side * side


def disc(radius=150, middle=(256, 256), facing=0.9):
    """A flat round foundation, 0.6 m away."""
    y, x = np.mgrid[:512, :512]
    covered = np.hypot(x - middle[0], y - middle[1]) < radius
    barycentric = np.where(covered[..., None], np.float32(1 / 3), 0).repeat(3, 2)
    raster = Raster(np.where(covered, 0.6, np.inf).astype(np.float32), np.where(covered, 0, -1), barycentric)
    normals = np.where(covered[..., None], np.array([0, 0, -1], np.float32), 0)
    return Surface(raster, normals, (facing * covered).astype(np.float32))


def crop_of(image):
    return Crop(image, Camera.assumed(512, 512), np.eye(3))


@pytest.mark.parametrize("middle", [(256, 256), (30, 480), (500, 20)])
def test_the_window_holds_the_foundation_and_lies_within_the_crop(middle):
    surface = disc(100, middle)
    window, inputs = WindowMaker(MODEL)(crop_of(np.full((512, 512, 3), 7, np.uint8)), surface)
    rows, columns = surface.box
    assert window.left <= columns.start and window.left + window.side >= columns.stop
    assert window.top <= rows.start and window.top + window.side >= rows.stop
    assert min(window.left, window.top) >= 0 and max(window.left, window.top) + window.side <= 512
    assert inputs["window"].shape == (256, 256, 3) and inputs["place"].shape == (256, 256, 2)


def test_places_are_of_the_mean_face_in_decimetres():
    surface = disc()
    _, inputs = WindowMaker(MODEL)(crop_of(np.zeros((512, 512, 3), np.uint8)), surface)
    wanted = MODEL.mean[MODEL.faces[0], :2].mean(0) / 0.1
    np.testing.assert_allclose(inputs["place"][128, 128], wanted, atol=1e-4)


class TestLabels:
    def maps(self, mask, hidden):
        return np.full((512, 512), mask, np.float32), np.full((512, 512), hidden, np.float32)

    @pytest.mark.parametrize(
        "mask, hidden, label", [(0.9, 0.1, VISIBLE), (0.2, 0.9, HIDDEN), (0.1, 0.2, NOT_FACE), (0.6, 0.8, HIDDEN)]
    )
    def test_the_likelier_wins(self, mask, hidden, label):
        surface = disc()
        labels = labelled(*self.maps(mask, hidden), surface)
        assert (labels[surface.raster.covered] == label).all()
        assert (labels[~surface.raster.covered] == NOT_FACE).all()

    def test_what_is_turned_away_is_not_seen_whatever_the_network_says(self):
        surface = disc(facing=0.1)
        assert (labelled(*self.maps(1, 0), surface)[surface.raster.covered] == TURNED_AWAY).all()

    @pytest.mark.parametrize(("around", "speck", "label"), [(0.9, 0.1, VISIBLE), (0.1, 0.9, HIDDEN)])
    def test_specks_take_the_label_around_them(self, around, speck, label):
        mask, hidden = self.maps(around, 1 - around)
        mask[200:204, 200:204], hidden[200:204, 200:204] = speck, 1 - speck
        surface = disc()
        assert (labelled(mask, hidden, surface)[surface.raster.covered] == label).all()

    def test_a_bump_has_no_cliff_where_the_skin_ends(self):
        mask, hidden = self.maps(0.9, 0.1)
        mask[:, 256:], hidden[:, 256:] = 0.1, 0.9
        labels = labelled(mask, hidden, disc())
        layers = layered(np.full((512, 512), 2e-3, np.float32), labels)
        assert (layers.bump[labels != VISIBLE] == 0).all() and layers.bump.max() == pytest.approx(2e-3)
        steepest = max(np.abs(np.diff(layers.bump, axis=axis)).max() for axis in (0, 1))
        assert steepest < 2e-3 / 4


def test_without_visible_skin_there_is_no_bump():
    layers = layered(np.full((512, 512), 2e-3, np.float32), np.full((512, 512), HIDDEN, np.uint8))
    assert layers.bump.shape == (512, 512) and not layers.bump.any()


def samples(count, size=64):
    from training.bump.batches import Samples

    rng = np.random.default_rng(3)
    square = (count, size, size)
    bump = rng.normal(0, 1, square).astype(np.float16)
    bump[:, :9] = np.nan
    window = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in rng.integers(0, 256, (*square, 3), np.uint8)])
    return Samples(
        window,
        rng.integers(-127, 128, (*square, 3)).astype(np.int8),
        rng.integers(-100, 101, (*square, 2)).astype(np.int8),
        bump,
        rng.integers(0, 8, square).astype(np.uint8),
    )


def test_a_varied_sample_is_the_plain_one_or_its_mirror_image(torch):
    from training.bump.batches import OBJECT, Batches

    batches = Batches(samples(16))
    _, normals, place, bump, labels = batches.plain(range(16))
    _, varied_normals, varied_place, varied_bump, varied_labels = batches.varied(range(16), np.random.default_rng(0))
    seen = set()
    for i in range(16):
        mirrored = not np.array_equal(varied_bump[i], bump[i], equal_nan=True)
        seen.add(mirrored)
        turn = np.s_[:, ::-1] if mirrored else np.s_[:]
        sign = np.array([-1, 1, 1], np.float32) if mirrored else np.ones(3, np.float32)
        np.testing.assert_array_equal(varied_normals[i], normals[i][turn] * sign)
        np.testing.assert_array_equal(varied_place[i], place[i][turn] * sign[:2])
        np.testing.assert_array_equal(varied_bump[i], bump[i][turn])
        changed = varied_labels[i] != labels[i][turn]
        assert ((varied_labels[i][changed] & OBJECT) > 0).all()  # another thing was laid over it
    assert seen == {True, False}


@pytest.mark.slow
def test_a_training_goes_on_where_it_stopped_and_its_network_runs(torch, tmp_path):
    from extreme3d_ros.engines import OnnxEngine
    from extreme3d_ros.output.atomic import write_bytes
    from training.bump.train import export, train
    from training.loop import Plan

    files = []
    for number in range(5):
        files.append(tmp_path / f"{number:08d}.npz")
        np.savez(files[-1], **vars(samples(6)))
    plan = Plan(2, 4, 1e-3, 0, "cpu", tmp_path / "net.pth")
    network, figures = train(plan, 0.125, files)
    again, same = train(plan, 0.125, files)
    assert figures == same and set(figures) >= {"bump", "slope", "mask", "occlusion"}
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values()))
    write_bytes(tmp_path / "net.onnx", export(again, figures))
    assert OnnxEngine(tmp_path / "net.onnx").outputs == ("mask", "bump", "occlusion")
    stage = BumpNetwork(MODEL, tmp_path / "net.onnx")
    maps = stage(crop_of(np.full((512, 512, 3), 128, np.uint8)), disc())
    assert all(value.shape == (512, 512) and np.isfinite(value).all() for value in maps)


@pytest.fixture(scope="module")
def fast():
    return FastPath(MODEL)


class TestShipped:
    """The network that comes with the package, on a photograph."""

    def seen(self, fast, image):
        return fast(Frame(image, Camera.assumed(image.shape[1], image.shape[0])))[0]

    def test_a_clear_face_is_seen_and_the_fringe_before_it_hides_it(self, fast, photograph):
        seen = self.seen(fast, photograph)
        labels = seen.layers.occlusion
        side = (labels == VISIBLE) | (labels == HIDDEN)
        height = seen.surface.raster.interpolate(MODEL.faces, MODEL.mean[:, 1:2])[..., 0]
        eyes = MODEL.landmarks68.on(MODEL.faces, MODEL.mean)[36:48, 1].mean()
        assert (labels == VISIBLE)[side & (height < eyes + 0.02)].mean() > 0.95
        assert (labels == HIDDEN)[side & (height > eyes + 0.055)].mean() > 0.8

    def test_dark_glasses_are_hidden_and_leave_no_bump(self, fast, photograph):
        points = self.seen(fast, photograph).face.points
        glasses = np.zeros(photograph.shape[:2], np.uint8)
        for eye in ((33, 133), (362, 263)):
            outer, inner = points[list(eye)]
            middle, reach = (outer + inner) / 2, np.linalg.norm(outer - inner)
            box = (middle.tolist(), (1.7 * reach, 1.3 * reach), 0.0)
            cv2.ellipse(glasses, box, 255, -1)
        seen = self.seen(fast, np.where(glasses[..., None] > 0, np.uint8(25), photograph))
        on_crop = cv2.warpAffine(glasses, seen.crop.crop_to_image[:2], (512, 512), flags=cv2.WARP_INVERSE_MAP) > 127
        assert (seen.layers.occlusion == HIDDEN)[on_crop].mean() > 0.8
        assert np.abs(seen.layers.bump[on_crop]).mean() < 5e-5
        assert seen.layers.mask[on_crop].mean() < 255 * 0.15
