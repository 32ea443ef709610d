"""The published identity network: its importer, on small networks in the published formats, and its stage."""

import importlib
import json
import shutil
import sys
from functools import partial

import cv2
import numpy as np
import pytest
import test_bump2018 as bump_files
from importer_sources import bfm_arrays, synthetic, write_mat

from extreme3d_ros.camera import Camera
from extreme3d_ros.cli.main import main
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.networks.importers import shape2018
from extreme3d_ros.networks.importers.bump2018 import import_bump2018
from extreme3d_ros.networks.importers.shape2018 import import_shape2018
from extreme3d_ros.records import Crop
from extreme3d_ros.stages.crop import resample
from extreme3d_ros.stages.shape_network import ShapeNetwork

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: importers)")
onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: importers)")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed (extra: importers)")

from extreme3d_ros.networks.pose import PoseNetwork  # noqa: E402
from extreme3d_ros.networks.resnet import Bottleneck  # noqa: E402
from extreme3d_ros.networks.shape import IdentityNetwork  # noqa: E402

#: A module of someone else's: gone, with its classes, when the checkpoint is read.
FOREIGN = """
from torch import nn
from extreme3d_ros.networks.resnet import Bottleneck
from extreme3d_ros.networks.shape import IdentityNetwork

class Pool(nn.MaxPool2d):
    pass

class Net(IdentityNetwork):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.maxpool = Pool(3, 2, 1)
        self.block, self.inner = Bottleneck, {"epoch": 3}

class Wrapper(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module
"""
SMALL = {"block": Bottleneck, "blocks": (1, 2, 1, 1), "width": 8}
FORMATS = bump_files.FORMATS


def small(mean):
    return IdentityNetwork(**SMALL, mean=mean)


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """The foreign module, for a while; `forget` takes it away."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "foreign_nets.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(tmp_path / "source"))
    module = importlib.import_module("foreign_nets")
    yield module
    forget(tmp_path)


def forget(tmp_path):
    (tmp_path / "source" / "foreign_nets.py").unlink(missing_ok=True)
    sys.modules.pop("foreign_nets", None)


def trained(net):
    """With batch statistics as if it had been trained."""
    generator = torch.Generator().manual_seed(1)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
            layer.weight.data.uniform_(0.5, 1.0, generator=generator)
    return net.eval()


def mean_image():
    """(3, 224, 224), different everywhere."""
    return np.random.default_rng(2).uniform(80, 140, (3, 224, 224)).astype(np.float32)


def save(folder, net, kind="legacy", mean=None):
    """The two files of the release, and the folder's path."""
    folder.mkdir(exist_ok=True)
    torch.save(net, folder / "shape_model.pth", _use_new_zipfile_serialization=FORMATS[kind])
    np.savez(folder / "shape_mean.npz", whatever=mean_image() if mean is None else mean)
    return folder


def random_image(seed=3):
    return np.random.default_rng(seed).uniform(0, 255, (1, 3, 224, 224)).astype(np.float32)


def check_equal(data, net, mean, tmp_path):
    """ONNX Runtime on the image gives what the module gives on the image less the mean."""
    image = random_image()
    got = bump_files.engine(data, tmp_path)(image=image)
    net.mean.zero_()
    with torch.no_grad():
        shape, texture = net(torch.from_numpy(image - mean))
    scale = max(1.0, shape.abs().max(), texture.abs().max())
    np.testing.assert_allclose(got["shape"], shape, atol=1e-3 * scale, rtol=0)
    np.testing.assert_allclose(got["texture"], texture, atol=1e-3 * scale, rtol=0)
    assert got["shape"].shape == got["texture"].shape == (1, 99)


class TestImport:
    @pytest.mark.parametrize("kind, wrapped", [("zip", False), ("legacy", True)])
    def test_gives_what_the_module_gives(self, foreign, tmp_path, kind, wrapped):
        net = trained(foreign.Net(*SMALL.values()))
        folder = save(tmp_path / "release", foreign.Wrapper(net) if wrapped else net, kind)
        forget(tmp_path)
        with pytest.raises((ModuleNotFoundError, AttributeError)):
            torch.load(folder / "shape_model.pth", weights_only=False)
        check_equal(import_shape2018(folder, small), net, mean_image(), tmp_path)

    def test_says_what_it_reads_and_where_the_result_is_from(self, foreign, tmp_path, capsys):
        import hashlib

        folder = save(tmp_path / "release", trained(foreign.Net(*SMALL.values())))
        data = import_shape2018(folder / "shape_model.pth", small)
        digest = hashlib.sha256((folder / "shape_model.pth").read_bytes()).hexdigest()
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and str(folder / "shape_model.pth") in line and digest in line and " MB" in line
        metadata = bump_files.engine(data, tmp_path).metadata
        assert metadata["source_sha256"] == digest and "CVPR 2018" in metadata["origin"]
        assert "BGR 0..255" in metadata["input"] and "99" in metadata["output"]
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert "BatchNormalization" not in {node.op_type for node in model.graph.node}

    @pytest.mark.parametrize(
        "mean, want",
        [
            (mean_image().transpose(1, 2, 0).astype(np.float64), mean_image()),
            (mean_image().astype(np.uint8), mean_image().astype(np.uint8)),
            (np.array([90.5, 100, 110]), np.array([90.5, 100, 110])[:, None, None]),
        ],
    )
    def test_means_of_other_shapes_and_types(self, foreign, tmp_path, mean, want):
        net = trained(foreign.Net(*SMALL.values()))
        folder = save(tmp_path / "release", net, mean=mean)
        check_equal(import_shape2018(folder, small), net, want.astype(np.float32), tmp_path)

    def test_a_network_without_batch_counters(self, foreign, tmp_path):
        """PyTorch before 0.4.1 has none."""
        net = trained(foreign.Net(*SMALL.values()))
        for layer in net.modules():
            layer._buffers.pop("num_batches_tracked", None)
        folder = save(tmp_path / "release", net)
        check_equal(import_shape2018(folder, small), net, mean_image(), tmp_path)

    def test_strides_and_epsilons_are_the_file_s_own(self, foreign, tmp_path):
        """Caffe's residual networks stride in a block's first convolution: the same shapes, another function."""
        net = trained(foreign.Net(*SMALL.values()))
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        net.bn1.eps = 1e-2
        folder = save(tmp_path / "release", net)
        check_equal(import_shape2018(folder, small), net, mean_image(), tmp_path)


def other_widths(foreign):
    net = foreign.Net(*SMALL.values())
    net.fc = torch.nn.Linear(net.features, 200)
    return net


def not_finite(foreign):
    net = foreign.Net(*SMALL.values())
    net.layer2[0].conv1.weight.data[0] = torch.nan
    return net


def other_pool(foreign):
    net = foreign.Net(*SMALL.values())
    net.maxpool.ceil_mode = True
    return net


def huge_padding(foreign):
    net = foreign.Net(*SMALL.values())
    net.conv1.padding = (10**9, 0)
    return net


def no_stride(foreign):
    net = foreign.Net(*SMALL.values())
    net.conv1.stride = (0, 0)
    return net


class TestRefusal:
    """One line of the command line with status 4, and no file."""

    @pytest.fixture(autouse=True)
    def small_network(self, monkeypatch, tmp_path):
        monkeypatch.setattr(shape2018, "import_shape2018", partial(import_shape2018, make=small))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def refused(self, path, capsys, tmp_path, *words):
        capsys.readouterr()
        assert main(["models", "import", "shape2018", str(path)]) == 4
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("extreme3d: ") and all(line.startswith("reading ") for line in lines[:-1])
        assert len(lines) <= 2 and all(word in lines[-1] for word in words), lines
        assert not list(tmp_path.rglob("*.onnx"))

    @pytest.mark.parametrize(
        "make, words",
        [
            (other_widths, ["fc.weight", "(200, 256)", "(198, 256)"]),
            (not_finite, ["layer2.0.conv1.weight", "not finite"]),
            (other_pool, ["maxpool.ceil_mode"]),
            (huge_padding, ["conv1.padding"]),
            (no_stride, ["fit together"]),
            (lambda foreign: foreign.Net(Bottleneck, (1, 1, 1, 1), 8), ["layer2.1.conv1.weight", "more"]),
            (lambda foreign: foreign.Net(Bottleneck, (1, 2, 1, 2), 8), ["layer4.1.conv1.weight", "with layer4"]),
            (lambda foreign: foreign.Net(Bottleneck, (1, 2, 1, 1), 4), ["conv1.weight", "(4, 3, 7, 7)"]),
            (lambda foreign: torch.nn.Linear(3, 198), ["ResNet-101", "conv1.weight"]),
            (lambda foreign: {"state_dict": foreign.Net(*SMALL.values()).state_dict()}, ["no module"]),
        ],
    )
    def test_another_network(self, foreign, tmp_path, capsys, make, words):
        folder = save(tmp_path / "release", make(foreign))
        self.refused(folder, capsys, tmp_path, "shape_model.pth", *words)

    @pytest.mark.parametrize(
        "mean, word",
        [
            (np.full((3, 227, 227), 100.0), "(3, 227, 227)"),
            (np.full((224, 224), 100.0), "(224, 224)"),
            (np.full((3,), 0.45), "0..255"),
            (np.full((3,), -100.0), "0..255"),
            (np.full((3,), np.nan), "0..255"),
            (np.full((3,), 300.0), "0..255"),
            (np.array(["a", "b", "c"]), "<U1"),
            (np.array([{}, {}, {}], dtype=object), "pickled"),
        ],
    )
    def test_another_mean(self, foreign, tmp_path, capsys, mean, word):
        folder = save(tmp_path / "release", foreign.Net(*SMALL.values()), mean=mean)
        self.refused(folder, capsys, tmp_path, "shape_mean.npz", word)

    def test_several_arrays_and_no_archive(self, foreign, tmp_path, capsys):
        folder = save(tmp_path / "release", foreign.Net(*SMALL.values()))
        np.savez(folder / "shape_mean.npz", a=np.zeros(3), b=np.zeros(3))
        self.refused(folder, capsys, tmp_path, "2 arrays")
        (folder / "shape_mean.npz").write_bytes(b"no archive")
        self.refused(folder, capsys, tmp_path, "shape_mean.npz")

    def test_files_that_are_not_there(self, foreign, tmp_path, capsys):
        folder = save(tmp_path / "release", foreign.Net(*SMALL.values()))
        (folder / "shape_mean.npz").unlink()
        self.refused(folder, capsys, tmp_path, "no ", "shape_mean.npz")
        (folder / "shape_model.pth").unlink()
        self.refused(folder, capsys, tmp_path, "no ", "shape_model.pth")
        self.refused(tmp_path / "nowhere", capsys, tmp_path, "nowhere")

    @pytest.mark.parametrize("kind", FORMATS)
    def test_a_trap(self, foreign, tmp_path, capsys, kind):
        """An honest network with one object more, whose unpickling would leave a file."""

        class Trap:
            def __reduce__(self):
                return importlib.import_module("os").system, (f"touch {tmp_path / 'trapped'}",)

        net = foreign.Net(*SMALL.values())
        net.trap = Trap()
        self.refused(save(tmp_path / "release", net, kind), capsys, tmp_path, "posix.system")
        assert not (tmp_path / "trapped").exists()


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    """An imported small network."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("network")
    net = trained(IdentityNetwork(**SMALL))
    net.fc.weight.data *= 1e-3  # coefficients about 1
    path = folder / "shape2018.onnx"
    path.write_bytes(import_shape2018(save(folder / "release", net), small))
    return path


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "extreme3d_ros"


class TestStage:
    def test_gives_coefficients_of_the_published_crop(self, network_file):
        rng = np.random.default_rng(4)
        image = cv2.GaussianBlur(rng.integers(0, 256, (512, 512, 3), np.uint8), (0, 0), 3)
        crop = Crop(image, Camera(np.diag([600.0, 600.0, 1.0]), 512, 512), np.eye(3))
        alpha = ShapeNetwork(network_file)(crop)
        assert alpha.shape == (99,) and alpha.dtype == np.float64
        small_image = cv2.resize(image[6:506, 6:506], (224, 224), interpolation=cv2.INTER_AREA)
        want = OnnxEngine(network_file)(image=small_image.transpose(2, 0, 1)[None].astype(np.float32))["shape"][0]
        np.testing.assert_array_equal(alpha, want)
        frame = image.copy()
        frame[6:506, 6:506] = 0
        np.testing.assert_array_equal(ShapeNetwork(network_file)(Crop(image - frame, crop.camera, np.eye(3))), alpha)

    @pytest.mark.parametrize("change", ["size", "width", "name", "weights"])
    def test_another_network(self, network_file, tmp_path, change):
        model = onnx.load(network_file)
        if change == "size":
            model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 225
        elif change == "width":
            del model.graph.output[0]
            model.graph.output[0].name = "texture"
        elif change == "name":
            model.graph.input[0].name = "picture"
            for node in model.graph.node:
                node.input[:] = ["picture" if name == "image" else name for name in node.input]
        else:
            bias = next(item for item in model.graph.initializer if item.name == "fc.bias")
            bias.CopyFrom(onnx.numpy_helper.from_array(np.full(198, np.nan, np.float32), "fc.bias"))
        onnx.save(model, tmp_path / "odd.onnx")
        with pytest.raises(ModelFileError, match=r"odd\.onnx"):
            ShapeNetwork(tmp_path / "odd.onnx")


class TestCommands:
    def test_import_list_and_verify(self, foreign, data_home, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(shape2018, "import_shape2018", partial(import_shape2018, make=small))
        folder = save(tmp_path / "release", trained(foreign.Net(*SMALL.values())))
        assert main(["models", "import", "shape2018", str(folder)]) == 0
        path = data_home / "networks" / "shape2018.onnx"
        assert path.exists() and str(path) in capsys.readouterr().out and list(path.parent.iterdir()) == [path]
        assert main(["models", "list"]) == 0
        (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("shape2018 "))
        assert row.split()[2:] == ["extreme3d", str(path)]
        assert main(["models", "verify"]) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith(f"{path}: sound; ") and "CVPR 2018" in line
        path.write_bytes(path.read_bytes()[:1000])
        assert main(["models", "verify"]) == 4
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 3 and err.count("\n") == 1 and str(path) in err


class TestProfile:
    @pytest.fixture(scope="class")
    def imported(self, network_file, tmp_path_factory):
        """bfm2009 (small, of 99 shape and 29 expression modes), shape2018 and bump2018."""
        home, sources = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("sources")
        (home / "networks").mkdir()
        (home / "networks" / "shape2018.onnx").write_bytes(network_file.read_bytes())
        bump = bump_files.save(sources / "bump", bump_files.checkpoint(bump_files.trained(bump_files.small())))
        (home / "networks" / "bump2018.onnx").write_bytes(import_bump2018(bump, bump_files.small))
        source = write_mat(sources / "BaselFaceModel_mod.mat", bfm_arrays(synthetic(99, 29)))
        assert main(["models", "import", "bfm2009", str(source), "--out", str(home / "models" / "bfm2009.npz")]) == 0
        return home

    @pytest.fixture
    def installed(self, data_home, imported):
        return shutil.copytree(imported, data_home)

    def test_reconstruct_runs_on_it(self, installed, tmp_path):
        pytest.importorskip("skimage", reason="scikit-image is not installed (extra: demo)")
        from extreme3d_ros.input.images import demo_image

        cv2.imwrite(str(tmp_path / "astronaut.png"), demo_image())
        arguments = ["--out", str(tmp_path / "out"), "--quiet", "--profile", "extreme3d"]
        assert main(["reconstruct", str(tmp_path / "astronaut.png"), *arguments]) == 0
        (face,) = json.loads((tmp_path / "out" / "astronaut.json").read_text())["faces"]
        assert face["model"] == "bfm2009" and len(face["shape"]) == 99 and len(face["expression"]) == 29
        with np.load(tmp_path / "out" / "astronaut_layers.npz") as layers:
            image = resample(demo_image(), layers["crop_to_image"], 512)
        crop = Crop(image, Camera(np.eye(3), 512, 512), np.eye(3))
        alpha = ShapeNetwork(installed / "networks" / "shape2018.onnx")(crop)
        np.testing.assert_allclose(face["shape"], alpha, atol=0.05)

    def test_a_face_model_of_other_modes(self, installed, tmp_path, capsys):
        source = write_mat(tmp_path / "few.mat", bfm_arrays(synthetic()))
        assert main(["models", "import", "bfm2009", str(source)]) == 0
        capsys.readouterr()
        assert main(["reconstruct", "x.png", "--out", str(tmp_path), "--profile", "extreme3d"]) == 4
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and "6 shape modes" in line and "models import bfm2009" in line

    def test_bench_runs_on_it(self, installed, capsys):
        pytest.importorskip("skimage", reason="scikit-image is not installed (extra: demo)")
        assert main(["bench", "--frames", "1", "--json", "--profile", "extreme3d"]) == 0
        assert json.loads(capsys.readouterr().out)["ms"]["foundation"]["median"] > 0


class TestNetworks:
    def test_identity_has_torchvision_s_names_and_the_published_size(self):
        with torch.device("meta"):
            state = IdentityNetwork().state_dict()
        assert {"conv1.weight", "layer3.22.bn3.running_var", "layer4.0.downsample.1.bias", "fc.weight"} <= set(state)
        assert state["fc.weight"].shape == (198, 2048) and "mean" not in state
        # torchvision's resnet101 has 42,500,160 without its classifier.
        counted = sum(v.numel() for name, v in state.items() if not name.split(".")[-1].startswith(("running", "num")))
        assert counted == 42_500_160 + 198 * 2049

    def test_pose_gives_six_numbers_in_radians_and_metres(self):
        net = PoseNetwork(width=12, hidden=32).eval()
        poses = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.1
        net.set_statistics(poses)
        images = torch.zeros(2, 3, 227, 227)
        with torch.no_grad():
            rotation, translation = net(images)
            expected = net.normalised(images) * poses.std(0) + poses.mean(0)
        assert rotation.shape == translation.shape == (2, 3)
        torch.testing.assert_close(torch.cat([rotation, translation], 1), expected)
        copy = PoseNetwork(width=12, hidden=32).eval()
        copy.load_state_dict(net.state_dict())
        torch.testing.assert_close(copy(images)[0], rotation)

    def test_pose_learns(self):
        torch.manual_seed(0)
        net = PoseNetwork(width=6, hidden=16)
        images, poses = torch.randn(4, 3, 227, 227), torch.randn(4, 6)
        net.set_statistics(poses)
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        losses = []
        for _ in range(3):
            loss = (net.normalised(images) - (poses - net.mean) / net.deviation).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert all(parameter.grad is not None for parameter in net.parameters()) and losses[-1] < losses[0]


@pytest.mark.slow
def test_the_published_size(foreign, tmp_path):
    """A ResNet-101 of random weights, of the old format."""
    torch.manual_seed(0)
    net = trained(foreign.Net())
    folder = save(tmp_path / "release", net)
    data = import_shape2018(folder)
    assert 160e6 < len(data) < 200e6
    check_equal(data, net, mean_image(), tmp_path)
