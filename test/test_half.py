"""Networks rewritten for TensorRT: bytes cast where they enter, and 16-bit floats where they do no harm."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="networks are rewritten by the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from extreme3d_ros.engines import OnnxEngine  # noqa: E402
from extreme3d_ros.engines.tensorrt_build import fitted  # noqa: E402
from extreme3d_ros.errors import ModelFileError  # noqa: E402

DATA = Path(__file__).parent.parent / "extreme3d_ros" / "data"
#: How far 16 bits may take the shipped networks' outputs, each in its own unit (bump: metres).
LIMITS = {
    "foundation": {"moved": 5e-4, "point_scatter": 1e-2, "coefficients": 5e-3, "coefficient_scatter": 5e-3},
    "bump": {"mask": 5e-3, "bump": 1e-5, "occlusion": 5e-3},
}


@pytest.fixture(params=LIMITS)
def shipped(request):
    return request.param, (DATA / f"{request.param}.onnx").read_bytes()


def in_half(data):
    return fitted(data, "fp16", {})


def bytes_first(data):
    return fitted(data, "fp32", {})


def run(tmp_path, data, inputs):
    (tmp_path / "net.onnx").write_bytes(data)
    return OnnxEngine(tmp_path / "net.onnx")(**inputs)


def some_inputs(path):
    random = np.random.default_rng(3)
    shapes = OnnxEngine(path).shapes
    inputs = {name: random.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    return inputs | {"window": random.integers(0, 255, shapes["window"]).astype(np.uint8)}


def weight(name, values):
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def network(nodes, weights):
    """y (N, 2) of x (N, 2)."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "net", [x], [y], weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def kinds(data):
    """Of every tensor that a node makes: its type."""
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(data)).graph
    return {value.name: value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.output]}


HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
MATRICES = [weight("a", [[1, 2], [3, 4]]), weight("b", [[0.5, 0], [0, 0.25]])]


class TestBytesFirst:
    def test_the_shipped_networks_give_the_very_same(self, shipped, tmp_path):
        name, data = shipped
        inputs = some_inputs(DATA / f"{name}.onnx")
        got, want = run(tmp_path, bytes_first(data), inputs), run(tmp_path, data, inputs)
        assert all(np.array_equal(got[output], values) for output, values in want.items())

    def test_bytes_go_to_casts_only(self, shipped):
        graph = onnx.load_from_string(bytes_first(shipped[1])).graph
        assert {node.op_type for node in graph.node if "window" in node.input} == {"Cast"}

    @pytest.mark.parametrize("data", [b"", b"nothing", bytes(range(200))])
    def test_what_is_no_network_is_refused(self, data):
        with pytest.raises(ModelFileError, match="no sound ONNX file"):
            bytes_first(data)


class TestInHalf:
    def test_the_shipped_networks_stay_within_their_limits(self, shipped, tmp_path):
        name, data = shipped
        inputs = some_inputs(DATA / f"{name}.onnx")
        got, want = run(tmp_path, in_half(data), inputs), run(tmp_path, data, inputs)
        for output, most in LIMITS[name].items():
            assert 0 < np.abs(got[output] - want[output]).max() < most, output

    def test_inputs_outputs_and_metadata_stay(self, shipped, tmp_path):
        name, data = shipped
        (tmp_path / "half.onnx").write_bytes(in_half(data))
        half, whole = OnnxEngine(tmp_path / "half.onnx"), OnnxEngine(DATA / f"{name}.onnx")
        assert (half.shapes, half.outputs, half.metadata) == (whole.shapes, whole.outputs, whole.metadata)

    def test_what_multiplies_goes_to_half_and_the_last_layer_stays(self):
        data = in_half(network([("MatMul", ["x", "a"], ["h"]), ("MatMul", ["h", "b"], ["y"])], MATRICES))
        assert kinds(data) == {"x__half": HALF, "h__half": HALF, "h": FLOAT, "y": FLOAT}

    @pytest.mark.parametrize("sensitive", ["Softmax", "Exp", "Sigmoid", "Sqrt"])
    def test_what_is_sensitive_stays(self, sensitive):
        nodes = [
            ("MatMul", ["x", "a"], ["h"]),
            (sensitive, ["h"], ["s"]),
            ("MatMul", ["s", "a"], ["t"]),
            ("MatMul", ["t", "b"], ["y"]),
        ]
        types = kinds(in_half(network(nodes, MATRICES)))
        assert types["s"] == FLOAT and types["t__half"] == HALF and types["h__half"] == HALF

    def test_a_layer_whose_weights_half_cannot_hold_stays(self, tmp_path):
        large = weight("a", [[1e6, 0], [0, 1]])
        nodes = [("MatMul", ["x", "a"], ["h"]), ("MatMul", ["h", "b"], ["k"]), ("MatMul", ["k", "b"], ["y"])]
        data = in_half(network(nodes, [large, MATRICES[1]]))
        assert kinds(data)["h"] == FLOAT and "h__half" in kinds(data), "the next layer reads it in half"
        x = np.float32([[1e-6, 1]])
        assert np.allclose(run(tmp_path, data, {"x": x})["y"], [[0.25, 0.0625]], rtol=1e-3)

    def test_a_network_with_nothing_to_take_to_half_is_refused(self):
        with pytest.raises(ModelFileError, match="take fp32"):
            in_half(network([("MatMul", ["x", "a"], ["y"])], MATRICES[:1]))

    def test_a_branch_still_reads_what_it_read(self, tmp_path):
        inner = helper.make_graph(
            [helper.make_node("Neg", ["h"], ["n"])], "t", [], [helper.make_tensor_value_info("n", FLOAT, None)]
        )
        same = helper.make_graph(
            [helper.make_node("Identity", ["h"], ["i"])], "e", [], [helper.make_tensor_value_info("i", FLOAT, None)]
        )
        model = onnx.load_from_string(network([("MatMul", ["x", "a"], ["h"]), ("MatMul", ["k", "b"], ["y"])], MATRICES))
        choice = helper.make_node("If", ["yes"], ["k"], then_branch=inner, else_branch=same)
        model.graph.node.insert(1, choice)
        model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
        got = run(tmp_path, in_half(model.SerializeToString()), {"x": np.float32([[1, 1]])})["y"]
        assert np.allclose(got, [[-2, -1.5]])
