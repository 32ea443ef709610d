"""Model files that are missing, broken or hostile: one line that names the file, status 4, and nothing runs."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from broken_files import HARMS, PAGE, network, nobody, refused, told
from engine_fakes import raising
from face_scenes import covered, scene
from gallery_samples import entries, write

from extreme3d_ros.camera import Camera
from extreme3d_ros.cli.main import main
from extreme3d_ros.engines import Engines, OnnxEngine
from extreme3d_ros.engines.driver import NoGpu
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.face_model.full_layout import save_full
from extreme3d_ros.face_model.model import DEFAULT_MODEL
from extreme3d_ros.face_model.soundness import faults
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.pipeline import Completion, FastPath
from extreme3d_ros.profiles import face_model_of
from extreme3d_ros.records import Frame
from extreme3d_ros.references.default import feature_of, references_of
from extreme3d_ros.references.gallery import Gallery
from extreme3d_ros.stages.bump_network import DEFAULT_NETWORK, BumpNetwork
from extreme3d_ros.stages.foundation_network import DEFAULT_NETWORK as FOUNDATION
from extreme3d_ros.stages.foundation_network import FoundationNetwork

MODEL = load_face_model()


@pytest.fixture(params=HARMS)
def harm(request):
    return HARMS[request.param]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    networks_folder().mkdir(parents=True)
    return tmp_path / "home" / "extreme3d_ros"


ENTRY = """
mine:
  about: a network
  file: {path}
  inputs: {{x: {{shape: [1], noise: [float32, -1, 1]}}}}
  limits: {{y: [1, 1]}}
  preprocessing: none
  licence: MIT
  origin: somebody
"""


def renamed_input(model):
    name = model.graph.input[0].name
    model.graph.input[0].name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if each == name else each for each in node.input]


def renamed_output(model):
    name = model.graph.output[0].name
    model.graph.output[0].name = "other"
    for node in model.graph.node:
        node.output[:] = ["other" if each == name else each for each in node.output]
        node.input[:] = ["other" if each == name else each for each in node.input]


def with_first_output(model, operation, *more, **options):
    """The first output, changed by one more operation."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
    name = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["inner" if each == name else each for each in node.output]
    model.graph.node.append(onnx.helper.make_node(operation, ["inner", *more], [name], **options))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model.graph.output[0].type.tensor_type


def of_another_type(model):
    with_first_output(model, "Cast", to=11).elem_type = 11  # double


CHANGES = {
    "an input's name": renamed_input,
    "an output's name": renamed_output,
    "an output's rank": lambda model: with_first_output(model, "Flatten"),
    "an output's size": lambda model: with_first_output(model, "Concat", "inner", axis=1),
    "an output's type": of_another_type,
}


def changed(path, change):
    """The bytes of a network's file, changed."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
    model = onnx.load(path)
    change(model)
    return model.SerializeToString()


class TestNetworks:
    def test_the_file_is_named_with_what_to_do(self, harm, tmp_path):
        path = tmp_path / "net.onnx"
        harm(path, DEFAULT_NETWORK.read_bytes())
        for make in (OnnxEngine, Engines(machine=Machine(find_gpus=raising(NoGpu("none"))))):
            assert "import or install it again" in refused(partial(make, path), path)

    def test_the_commands_end_with_4(self, harm, tmp_path, home, capsys):
        path = tmp_path / "net.onnx"
        harm(path, DEFAULT_NETWORK.read_bytes())
        (home / "networks.yaml").write_text(ENTRY.format(path=path))
        told(["engines", "check", "mine", "--device", "cpu"], path, capsys)
        told(["models", "verify", path], path, capsys)
        told(["references", "build", "test", "--out", tmp_path / "g", "--feature-network", path], path, capsys)

    @pytest.mark.parametrize("make", [FoundationNetwork, BumpNetwork])
    @pytest.mark.parametrize("change", CHANGES)
    def test_one_of_other_inputs_or_outputs_is_refused_before_any_work(self, make, change, tmp_path):
        path, good = tmp_path / "net.onnx", FOUNDATION if make is FoundationNetwork else DEFAULT_NETWORK
        path.write_bytes(changed(good, CHANGES[change]))
        refused(lambda: make(MODEL, path), path)

    def test_another_network_in_the_place_is_refused(self, tmp_path):
        refused(lambda: FoundationNetwork(MODEL, DEFAULT_NETWORK), DEFAULT_NETWORK)
        refused(lambda: BumpNetwork(MODEL, FOUNDATION), FOUNDATION)
        path = tmp_path / "log.onnx"
        path.write_bytes(network("Neg"))
        for make in (FoundationNetwork, BumpNetwork):
            refused(lambda make=make: make(MODEL, path), path)

    def test_a_file_that_may_not_be_read(self, tmp_path):
        path = tmp_path / "net.onnx"
        path.write_bytes(DEFAULT_NETWORK.read_bytes())
        path.chmod(0)
        with nobody():
            assert "Permission denied" in refused(lambda: digest(path), path)

    def test_a_network_whose_weights_lie_elsewhere_reads_no_other_file(self, tmp_path):
        """ONNX lets a file name others for its weights, by any path."""
        onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
        secret = tmp_path / "secret"
        secret.write_bytes(np.ones(4, np.float32).tobytes())
        weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4], data_location=1)
        weights.external_data.add(key="location", value=str(secret))
        path = tmp_path / "net.onnx"
        path.write_bytes(network("Add", ["x", "w"], 4, [weights]))
        refused(lambda: OnnxEngine(path), path)


def saved(path, **changes):
    with path.open("wb") as file:
        save_full(file, replace(MODEL, **changes))
    return path


class TestFaceModels:
    def test_the_file_is_named_with_what_to_do(self, harm, tmp_path, capsys):
        path = tmp_path / "model.npz"
        harm(path, DEFAULT_MODEL.read_bytes())
        assert "extreme3d models import" in refused(lambda: load_face_model(path), path)
        told(["models", "verify", path], path, capsys)
        told(["reconstruct", "x.png", "--out", tmp_path, "--face-model", path], path, capsys)

    def test_a_file_that_may_not_be_read(self, tmp_path):
        path = saved(tmp_path / "model.npz")
        path.chmod(0)
        with nobody():
            refused(lambda: load_face_model(path), path)

    @pytest.mark.parametrize(
        "changes, says",
        [
            ({"mean": 1000 * MODEL.mean}, "not 6 to 12 cm apart"),
            ({"mean": 0 * MODEL.mean}, "not 6 to 12 cm apart"),
            ({"mean": MODEL.mean * [1, -1, -1]}, "y does not run upwards"),
            ({"landmark_noise": -MODEL.landmark_noise}, "noise is not positive"),
            ({"shape_modes": MODEL.shape_modes * np.float32(1e20)}, "moves the face by metres"),
            ({"expression_modes": MODEL.expression_modes * np.float32(1e20)}, "moves the face by metres"),
            ({"faces": np.concatenate([MODEL.faces, MODEL.faces])}, "more than two triangles"),
            ({"faces": np.concatenate([MODEL.faces, [[5, 5, 5]]])}, "more than two triangles"),
            ({"uv": 9 * MODEL.uv}, "texture space is not 0 to 1"),
            ({"name": "a\nb"}, "name is no short line"),
            ({"name": "a" * 10**5}, "name is no short line"),
            ({"name": ""}, "name is no short line"),
        ],
    )
    def test_arrays_that_fit_but_are_no_face_are_refused_before_any_work(self, tmp_path, changes, says, capsys):
        path = saved(tmp_path / "odd.npz", **changes)
        assert says in refused(lambda: face_model_of("default", path), path)
        assert says in told(["reconstruct", "x.png", "--out", tmp_path, "--face-model", path], path, capsys)

    def test_other_modes_than_the_network_s_of_that_name_are_told_before_any_work(self, tmp_path, capsys):
        path = saved(tmp_path / "ours.npz", shape_modes=MODEL.shape_modes[:50])
        arguments = ["reconstruct", "x.png", "--out", tmp_path, "--face-model", path, "--references", "none"]
        assert "79 modes" in told(arguments, FOUNDATION, capsys)

    @pytest.mark.parametrize(
        "changes",
        [
            {"shape_modes": MODEL.shape_modes[:0]},
            {"expression_modes": MODEL.expression_modes[:0]},
            {"shape_modes": MODEL.shape_modes[:50]},
            {"shape_modes": 0 * MODEL.shape_modes},
        ],
    )
    def test_few_modes_or_still_ones_are_a_face_model(self, changes, tmp_path):
        model = replace(MODEL, name="other", **changes)
        assert faults(model) == []
        image = demo_image()
        (seen,) = FastPath(model)(Frame(image, Camera.assumed(*image.shape[1::-1])))
        finished = Completion(model)(seen.crop, seen.foundation, seen.layers)
        assert np.isfinite(finished.mesh.vertices).all()


class TestGalleries:
    HOLE = np.zeros((512, 512), bool)
    HOLE[140:200, 200:300] = True

    def test_features_of_another_length_are_told_before_any_work(self, tmp_path):
        folder = write(tmp_path / "g", entries(2), face_model=MODEL.name, feature=f"shape:{MODEL.name}")
        line = refused(lambda: Completion(MODEL, references_of(folder, MODEL.name)), folder)
        assert "6 numbers, those of shape:" in line and "references build" in line

    def test_of_no_entry_lends_nothing_and_the_hole_is_filled_all_the_same(self, tmp_path):
        folder = write(tmp_path / "g", entries(1, 99), face_model=MODEL.name, feature=f"shape:{MODEL.name}")
        manifest = folder / "gallery.json"
        manifest.write_text(manifest.read_text().partition('"parts"')[0] + '"parts": []}')
        gallery = references_of(folder, MODEL.name)
        assert len(gallery) == 0 and main(["references", "check", str(folder)]) == 0
        crop, foundation, _, layers = scene(0)
        finished = Completion(MODEL, gallery)(crop, foundation, covered(layers, self.HOLE)[0])
        assert "reference" not in finished.filled_from and np.isfinite(finished.bump).all()

    def test_a_home_that_is_none_is_told(self):
        refused(lambda: references_of("~nobody-of-that-name/g", MODEL.name), "~nobody-of-that-name/g")

    def test_a_folder_that_may_not_be_read(self, tmp_path):
        folder = write(tmp_path / "g", entries(1))
        folder.chmod(0)
        with nobody():
            assert "Permission denied" in refused(lambda: Gallery(folder), folder)

    def test_the_shipped_one_s_features_are_as_long_as_its_feature(self):
        gallery = references_of("", MODEL.name)
        assert gallery.length == feature_of(gallery, MODEL).length == 99


@pytest.mark.parametrize(
    "name, parameter, value, told",
    [
        ("face_node", "face_model", "no.npz", "no.npz"),
        ("face_node", "face_model", "page.npz", "page.npz"),
        ("face_node", "profile", "extreme3d", "extreme3d models import bfm2009"),
        ("completion_node", "face_model", "no.npz", "no.npz"),
        ("completion_node", "references", "gallery", "gallery"),
        ("completion_node", "profile", "extreme3d", "extreme3d models import bfm2009"),
    ],
)
def test_a_broken_file_leaves_a_node_unconfigured_that_says_which(
    name, parameter, value, told, tmp_path, monkeypatch, make_bench, capfd
):
    pytest.importorskip("rclpy", reason="rclpy is not installed (extra: ros)")
    from diagnostic_msgs.msg import DiagnosticStatus
    from std_srvs.srv import Trigger

    from extreme3d_ros.nodes.completion_node import CompletionNode
    from extreme3d_ros.nodes.face_node import FaceNode

    monkeypatch.chdir(tmp_path)
    (tmp_path / "gallery").mkdir()
    for bad in ("gallery/gallery.json", "page.npz"):
        (tmp_path / bad).write_bytes(PAGE)
    bench = make_bench(**{parameter: value})
    bench.add({"face_node": FaceNode, "completion_node": CompletionNode}[name]()).autostart()
    assert bench.status(name, lambda status: status.level == DiagnosticStatus.ERROR and told in status.message)
    assert bench.state(f"/{name}") == "unconfigured"
    assert len([line for line in capfd.readouterr().err.splitlines() if told in line]) == 1
    if name == "completion_node":
        answer = bench.call(Trigger, "/save_ply", Trigger.Request())
        assert not answer.success and "not configured" in answer.message
