"""The published bump network: its importer, on small networks in the published layout, and its stage."""

import argparse
import hashlib
import importlib
import math
from functools import partial

import numpy as np
import pytest
from pickle_pieces import ordered, stream, tensor, write_archive

from extreme3d_ros.camera import Camera
from extreme3d_ros.cli.models import models
from extreme3d_ros.cli.networks import verify_network
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.networks.importers import bump2018, onnx_file, shape2018
from extreme3d_ros.networks.importers.bump2018 import import_bump2018
from extreme3d_ros.networks.importers.checkpoint import read_checkpoint
from extreme3d_ros.records import Crop
from extreme3d_ros.stages.published_bump import PublishedBump
from extreme3d_ros.untrusted.broken import Broken

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: importers)")
onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: importers)")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed (extra: importers)")

from extreme3d_ros.networks.bump import EncoderDecoder  # noqa: E402

NAME = "ckpt_109_grad.pth.tar"
FORMATS = {"zip": True, "legacy": False}
LEVEL = 1.25e-3 / 12
HIGHEST = 127.5 * LEVEL


def small():
    return EncoderDecoder(heads=2, width=1 / 8)


def random_image(side=500, seed=3):
    """(side, side, 3) uint8, with structure of all sizes."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def raw_maps(maps, image):
    """The heads' numbers, (2, 512, 512), of a published crop (500, 500, 3) BGR."""
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1).to(torch.float32) / 255
    with torch.no_grad():
        return torch.cat(maps((rgb[None] - 0.5) / 0.5), 1)[0].numpy()


def trained(maps, seed=1):
    """Of random weights, all different, whose heads give numbers about 0, from -1 to 1."""
    torch.manual_seed(seed)
    for value in maps.parameters():
        value.data += 0.05 * torch.randn_like(value) * value.abs().mean()
    for head, raw in zip(maps.heads, raw_maps(maps, random_image())):
        assert raw.std() > 1e-6
        head.last.bias.data -= float(raw.mean())
        head.last.weight.data *= 0.5 / float(raw.std())
        head.last.bias.data *= 0.5 / float(raw.std())
    return maps.eval()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return trained(small())


def wanted(maps, image):
    """mask and bump by the publication's own words."""
    mask, bump = np.tanh(raw_maps(maps, image).astype(np.float64))
    return np.clip(mask, 0, 1), ((bump + 1) * 127.5 - 127) / 12 * 1.25e-3


def own_names(maps):
    return list(dict.fromkeys(name.rpartition(".")[0] for name in maps.state_dict()))


def together(names):
    """Both blocks, then both last convolutions."""
    return [name for name in names if not name.endswith("last")] + [name for name in names if name.endswith("last")]


def generator(maps, arrange=list, prefix="Gnet."):
    """A state dict of names unlike ours, which in the alphabet's order would be the other way round."""
    state, names = maps.state_dict(), arrange(own_names(maps))
    return {
        f"{prefix}conv{99 - number}_x.{part}": state[f"{name}.{part}"].clone()
        for number, name in enumerate(names)
        for part in ("weight", "bias")
    }


def checkpoint(maps, arrange=list, prefix=""):
    """With a discriminator on both sides, whose names are like the generator's."""
    judge = {f"{prefix}Dnet.conv{number}_x.weight": torch.randn(4, 3, 3, 3) for number in range(2)}
    first, last = list(judge.items())
    return dict([first, *generator(maps, arrange, f"{prefix}Gnet.").items(), last])


def training_s(state):
    """What a training stores beside the weights."""
    optimizer = {"state": {7: {"momentum_buffer": torch.randn(3), "step": 5}}, "param_groups": [{"lr": 1e-4}]}
    return {"epoch": 109, "arch": "net", "best": torch.tensor(0.5), "state_dict": state, "optimizer": optimizer}


def save(folder, content, kind="zip"):
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / NAME, _use_new_zipfile_serialization=FORMATS[kind])
    return folder / NAME


def engine(data, tmp_path):
    (tmp_path / "net.onnx").write_bytes(data)
    return OnnxEngine(tmp_path / "net.onnx")


def check_equal(data, maps, tmp_path):
    """ONNX Runtime gives what the publication's words make of our network with the same weights."""
    image = random_image(seed=4)
    got = engine(data, tmp_path)(image=image[None])
    mask, bump = wanted(maps, image)
    assert mask.std() > 0.1 and bump.std() > 0.1 * HIGHEST and np.abs(mask - bump / HIGHEST).max() > 0.5
    assert got["mask"].shape == got["bump"].shape == (1, 512, 512)
    assert got["mask"].dtype == got["bump"].dtype == np.float32
    np.testing.assert_allclose(got["mask"][0], mask, atol=1e-3, rtol=0)
    np.testing.assert_allclose(got["bump"][0] / HIGHEST, bump / HIGHEST, atol=1e-3, rtol=0)


class TestImport:
    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("arrange", [list, together])
    def test_gives_what_the_network_gives_in_both_orders(self, net, tmp_path, kind, arrange):
        path = save(tmp_path / "release", checkpoint(net, arrange), kind)
        check_equal(import_bump2018(path, small), net, tmp_path)

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda net: checkpoint(net, prefix="module."),
            lambda net: training_s(checkpoint(net)),
            lambda net: training_s(checkpoint(net, prefix="module.")),
            lambda net: {"model": checkpoint(net)},
            lambda net: {"Dnet": {"a.weight": torch.zeros(1)}, "Gnet": generator(net, prefix="")},
            lambda net: generator(net, prefix="Gnet.module."),
            lambda net: {name: value.to(torch.float64) for name, value in checkpoint(net).items()},
        ],
    )
    def test_finds_the_generator_wherever_it_is(self, net, tmp_path, wrap):
        folder = save(tmp_path / "release", wrap(net)).parent
        check_equal(import_bump2018(folder, small), net, tmp_path)

    def test_biases_may_stand_before_weights(self, net, tmp_path):
        pairs = list(generator(net).items())
        swapped = [pair for weight, bias in zip(pairs[::2], pairs[1::2]) for pair in (bias, weight)]
        check_equal(import_bump2018(save(tmp_path / "release", dict(swapped)), small), net, tmp_path)

    def test_says_what_it_reads_and_where_the_result_is_from(self, net, tmp_path, capsys):
        path = save(tmp_path / "release", checkpoint(net))
        data = import_bump2018(path, small)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        line = capsys.readouterr().err
        assert line.count("\n") == 1 and str(path) in line and digest in line and " MB" in line
        metadata = engine(data, tmp_path).metadata
        assert metadata["name"] == "bump2018" and metadata["source_sha256"] == digest
        assert "CVPR 2018" in metadata["origin"] and "BGR" in metadata["input"] and "metres" in metadata["output"]
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]


def constant(mask, bump):
    """Maps of the same number everywhere, before tanh."""
    maps = small()
    for value in maps.parameters():
        value.data.zero_()
    for head, number in zip(maps.heads, (mask, bump)):
        head.last.bias.data.fill_(number)
    return maps


def copying_red():
    """The mask is tanh of the normalised red where that is above 0; the bump is 0 (level 127)."""
    maps = constant(0.0, math.atanh(127 / 127.5 - 1))
    first, head = maps.encoder[0], maps.heads[0]
    own = head.block.joined[2].out_channels  # of what is concatenated, the skipped map comes second
    copied = [(first[0], 0), (first[2], 0), (first[4], 0), (head.block.joined[0], own), (head.block.joined[2], 0)]
    for layer, channel in [*copied, (head.last, 0)]:
        layer.weight.data[0, channel, 1, 1] = 1.0
    return maps


def a_crop(image):
    return Crop(image, Camera(np.diag([600.0, 600.0, 1.0]), 512, 512), np.eye(3))


def stage(maps, tmp_path):
    path = tmp_path / "bump2018.onnx"
    path.write_bytes(import_bump2018(save(tmp_path / "release", checkpoint(maps)), small))
    return PublishedBump(path)


class TestStage:
    def test_gives_maps_of_the_published_crop(self, net, tmp_path):
        image = random_image(512, seed=5)
        mask, bump = stage(net, tmp_path)(a_crop(image))
        assert mask.shape == bump.shape == (512, 512) and mask.dtype == bump.dtype == np.float32
        want_mask, want_bump = wanted(net, image[6:506, 6:506])
        np.testing.assert_allclose(mask, want_mask, atol=1e-3)
        np.testing.assert_allclose(bump / HIGHEST, want_bump / HIGHEST, atol=1e-3)

    def test_a_map_s_pixel_is_the_crop_s_and_the_image_is_rgb(self, tmp_path):
        image = np.zeros((512, 512, 3), np.uint8)
        for x, y in [(100, 300), (6, 6), (505, 400)]:
            image[y, x, 2] = 255
        image[200, 50, :2] = 255  # blue and green
        want = np.tanh(1.0) * (image[..., 2] == 255)
        image[2, 3] = image[506, 509] = 255  # outside the published crop
        mask, bump = stage(copying_red(), tmp_path)(a_crop(image))
        np.testing.assert_allclose(mask, want, atol=1e-6)
        np.testing.assert_allclose(bump, 0.0, atol=1e-8)

    @pytest.mark.parametrize("level, metres", [(145, 1.875e-3), (127, 0.0), (126.5, -0.5 * LEVEL), (1, -126 * LEVEL)])
    def test_bumps_are_decoded_as_published(self, tmp_path, level, metres):
        mask, bump = stage(constant(0.3, math.atanh(level / 127.5 - 1)), tmp_path)(a_crop(random_image(512)))
        np.testing.assert_allclose(bump, metres, atol=2e-8)
        np.testing.assert_allclose(mask, math.tanh(0.3), atol=1e-6)

    def test_masks_are_clipped_to_0(self, tmp_path):
        mask, bump = stage(constant(-2.0, -2.0), tmp_path)(a_crop(random_image(512)))
        assert (mask == 0).all() and (bump < -0.9 * HIGHEST).all()

    def test_says_where_it_is_from(self, net, tmp_path):
        assert "CVPR 2018" in stage(net, tmp_path).origin

    @pytest.mark.parametrize("change", ["size", "output", "name", "type", "weights", "missing", "cut off"])
    def test_another_file(self, network_file, tmp_path, change):
        path = tmp_path / "odd.onnx"
        model = onnx.load(network_file)
        if change == "size":
            model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 512
        elif change == "output":
            del model.graph.output[1]
        elif change == "name":
            model.graph.input[0].name = "picture"
            for node in model.graph.node:
                node.input[:] = ["picture" if name == "image" else name for name in node.input]
        elif change == "type":
            model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        elif change == "weights":
            bias = next(item for item in model.graph.initializer if item.name == "maps.heads.1.last.bias")
            bias.CopyFrom(onnx.numpy_helper.from_array(np.full(1, np.nan, np.float32), bias.name))
        if change != "missing":
            data = model.SerializeToString()
            path.write_bytes(data[: len(data) // 2] if change == "cut off" else data)
        with pytest.raises(ModelFileError, match=r"odd\.onnx"):
            PublishedBump(path)


@pytest.fixture(scope="module")
def network_file(net, tmp_path_factory):
    """An imported small network."""
    folder = tmp_path_factory.mktemp("network")
    path = folder / "bump2018.onnx"
    path.write_bytes(import_bump2018(save(folder / "release", checkpoint(net)), small))
    return path


def refused(path, tmp_path, *words):
    """ModelFileError of one line, and nothing written."""
    with pytest.raises(ModelFileError) as caught:
        import_bump2018(path, small)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message
    assert NAME in message and not list(tmp_path.rglob("*.onnx"))


def without(state, *numbers):
    """Less the tensors of these numbers."""
    return {name: value for number, (name, value) in enumerate(state.items()) if number not in numbers}


def swapped(state, one, other):
    """Two tensors with each other's names."""
    names, values = list(state), list(state.values())
    values[one], values[other] = values[other], values[one]
    return dict(zip(names, values))


def changed(state, name, value):
    assert name in state
    return {**state, name: value}


class TestRefusal:
    @pytest.mark.parametrize(
        "change, words",
        [
            (lambda state: {"Dnet.a.weight": torch.zeros(3)}, ["no weights named Gnet.", "Dnet.a.weight"]),
            (lambda state: {name.replace("Gnet", "Xnet"): v for name, v in state.items()}, ["no weights named Gnet."]),
            (lambda state: {}, ["no weights named Gnet."]),
            (lambda state: [state], ["no state dict"]),
            (lambda state: {"a": state, "b": state}, ["2 generators", "a.Gnet., b.Gnet."]),
            (lambda state: without(state, 0, 1), ["43 convolutions", "44"]),
            (lambda state: without(state, 87), ["Gnet.conv56_x has weight, not"]),
            (lambda state: {**state, "Gnet.more.weight": torch.zeros(3), "Gnet.more.bias": torch.zeros(3)}, ["45"]),
            (lambda state: {**state, "Gnet.conv99_x.running_mean": torch.zeros(3)}, ["running_mean", "alone"]),
            (lambda state: {**state, "Gnet.odd\nname": torch.zeros(3)}, [r"odd\nname"]),
            (lambda state: swapped(state, 2, 4), ["Gnet.conv98_x.weight", "(2, 2, 3, 3)", "(2, 3, 3, 3)"]),
            (lambda state: swapped(state, 1, 87), ["Gnet.conv99_x.bias", "(1,)", "(3,)"]),
            (lambda state: swapped(state, 78, 76), ["Gnet.conv61_x.weight", "(1, 2, 3, 3)", "(2, 2, 3, 3)"]),
            (
                lambda state: changed(state, "Gnet.conv90_x.bias", torch.full((8,), torch.nan)),
                ["conv90_x.bias", "fini"],
            ),
            (
                lambda state: changed(state, "Gnet.conv90_x.bias", torch.full((8,), torch.inf)),
                ["conv90_x.bias", "fini"],
            ),
            (
                lambda state: changed(state, "Gnet.conv90_x.bias", torch.full((8,), 1e300, dtype=torch.float64)),
                ["conv90_x.bias", "not finite"],
            ),
            (lambda state: generator(EncoderDecoder(heads=2, width=1 / 16)), ["Gnet.conv98_x.weight", "(1, 3, 3, 3)"]),
            (lambda state: generator(EncoderDecoder(heads=3, width=1 / 8)), ["48 convolutions"]),
            (lambda state: generator(EncoderDecoder(heads=2, channels=8, width=1 / 8)), ["(8, 8, 3, 3)"]),
        ],
    )
    def test_another_network(self, net, tmp_path, change, words):
        refused(save(tmp_path / "release", change(generator(net))), tmp_path, *words)

    def test_a_whole_module(self, net, tmp_path):
        refused(save(tmp_path / "release", net), tmp_path, "no weights named Gnet.")

    def test_a_file_that_is_not_there(self, tmp_path):
        refused(tmp_path / NAME, tmp_path, "no ", str(tmp_path / NAME))
        refused(tmp_path, tmp_path, "no ", str(tmp_path / NAME))

    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("part", [0, 0.001, 0.5, 0.999])
    def test_truncated_files(self, net, tmp_path, kind, part):
        path = save(tmp_path / "release", checkpoint(net), kind)
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
        refused(path, tmp_path)

    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("place", ["beside", "within"])
    def test_a_trap(self, net, tmp_path, kind, place):
        """An honest checkpoint with one object more, whose unpickling would leave a file."""

        class Trap:
            def __reduce__(self):
                return importlib.import_module("os").system, (f"touch {tmp_path / 'trapped'}",)

        state = checkpoint(net)
        content = {**state, "Gnet.trap": Trap()} if place == "within" else {"state_dict": state, "trap": Trap()}
        path = save(tmp_path / "release", content, kind)
        refused(path, tmp_path, "posix.system")
        assert not (tmp_path / "trapped").exists()
        torch.load(path, weights_only=False)
        assert (tmp_path / "trapped").exists()  # the trap works

    @pytest.mark.parametrize("missing", ["torch", "onnx", "onnxruntime"])
    def test_without_a_package_the_line_says_what_to_install(self, net, tmp_path, monkeypatch, missing):
        path = save(tmp_path / "release", checkpoint(net))
        find = onnx_file.find_spec
        monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == missing else find(name))
        with pytest.raises(ModelFileError, match=rf"needs {missing}: pip install 'extreme3d_ros\[importers\]'"):
            import_bump2018(path, small)

    def test_an_export_that_is_wrong(self, net, tmp_path, monkeypatch):
        path = save(tmp_path / "release", checkpoint(net))
        monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
        refused(path, tmp_path, "is off PyTorch's")


class TestStateDicts:
    """What the reader of pickles gives for dicts, put together by hand."""

    NUMBERS = {"0": np.arange(6, dtype="<f4")}

    def test_gives_tensors_under_their_keys_in_order(self, tmp_path):
        state = ordered({"b.weight": tensor((2, 3), "0"), "a.bias": tensor((6,), "0")})
        root = {"epoch": 3, "state_dict": state, "optimizer": {"state": {1: {"momentum": tensor((6,), "0")}}}}
        want = ["state_dict.b.weight", "state_dict.a.bias"]
        (tmp_path / "old").write_bytes(stream(root, self.NUMBERS))
        for path in (tmp_path / "old", write_archive(tmp_path / "new", root, self.NUMBERS)):
            found = read_checkpoint(path).tensors
            assert list(found) == want
            np.testing.assert_array_equal(found[want[0]], [[0, 1, 2], [3, 4, 5]])

    def test_as_python_2_wrote_them(self, tmp_path):
        state = ordered({"Gnet.a.weight": tensor((6,), "0")}, str.encode)
        (tmp_path / "net").write_bytes(stream({b"state_dict": state, b"note": b"\xe9"}, self.NUMBERS))
        assert list(read_checkpoint(tmp_path / "net").tensors) == ["state_dict.Gnet.a.weight"]

    def test_dicts_too_deep_are_refused(self, tmp_path):
        root = {"weight": tensor((6,), "0")}
        for _ in range(60):
            root = {"a": root}
        (tmp_path / "net").write_bytes(stream(root, self.NUMBERS))
        with pytest.raises(Broken, match="deeply"):
            read_checkpoint(tmp_path / "net")


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """The folder of imported networks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(bump2018, "import_bump2018", partial(import_bump2018, make=small))
    return tmp_path / "data" / "extreme3d_ros" / "networks"


def command(action, **arguments):
    return models(argparse.Namespace(action=action, **arguments))


class TestCommands:
    def test_import_list_and_verify(self, net, networks, tmp_path, capsys):
        source = save(tmp_path / "release", checkpoint(net))
        assert command("import", kind="bump2018", path=str(source), out=None) == 0
        path = networks / "bump2018.onnx"
        assert path.exists() and f"{path}: bump network" in capsys.readouterr().out
        assert list(path.parent.iterdir()) == [path]
        assert command("list") == 0
        (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bump2018 "))
        assert row.split()[2:] == ["extreme3d", str(path)]
        assert command("verify", file=None) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        assert line.startswith(f"{path}: sound; bump network, ") and "CVPR 2018" in line
        path.write_bytes(path.read_bytes()[:1000])
        assert command("verify", file=None) == 4
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 3 and err.count("\n") == 1 and str(path) in err

    def test_out_names_another_file_which_verify_knows_too(self, net, networks, tmp_path, capsys):
        source, out = save(tmp_path / "release", checkpoint(net)), tmp_path / "new" / "net.onnx"
        assert command("import", kind="bump2018", path=str(source), out=str(out)) == 0
        assert out.exists() and not networks.exists()
        capsys.readouterr()
        assert command("verify", file=str(out)) == 0
        assert f"{out}: sound; bump network" in capsys.readouterr().out

    def test_a_network_of_others_is_not_verified(self, network_file, tmp_path):
        model = onnx.load(network_file)
        del model.metadata_props[:]
        onnx.save(model, tmp_path / "odd.onnx")
        with pytest.raises(ModelFileError, match=r"odd\.onnx"):
            verify_network(tmp_path / "odd.onnx")

    def test_shape2018_is_still_imported_as_itself(self, networks, monkeypatch):
        monkeypatch.setattr(shape2018, "import_shape2018", lambda source: source.encode())
        assert command("import", kind="shape2018", path="x", out=None) == 0
        assert (networks / "shape2018.onnx").read_bytes() == b"x"


@pytest.mark.slow
def test_the_published_size(tmp_path):
    """Table 2 of random weights, of the old format."""
    torch.manual_seed(0)
    maps = trained(EncoderDecoder(heads=2))
    path = save(tmp_path / "release", training_s(checkpoint(maps, together)), "legacy")
    data = import_bump2018(path)
    assert 120e6 < len(data) < 180e6
    check_equal(data, maps, tmp_path)
    mask, bump = PublishedBump(tmp_path / "net.onnx")(a_crop(random_image(512)))
    assert mask.shape == bump.shape == (512, 512)
