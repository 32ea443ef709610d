"""Networks in 16-bit floats, their sensitive layers kept in 32: TensorRT takes each layer's precision from the file.

After mixed-precision training (Micikevicius et al. 2018): what multiplies and sums features goes to half, what
normalises, exponentiates or makes the outputs stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from extreme3d_ros.errors import ModelFileError

if TYPE_CHECKING:
    import onnx

_WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
#: What is safe in half, with which of its inputs are features or weights; None for all of them.
_SAFE = {
    **dict.fromkeys(_WEIGHTED | {"Relu", "LeakyRelu", "PRelu", "MaxPool", "AveragePool", "Concat", "Add", "Mul"}),
    **dict.fromkeys(("Resize", "Transpose", "Reshape", "Flatten", "Slice", "Squeeze", "Unsqueeze"), (0,)),
    "Pad": (0, 2),
}
_STANDARD = "", "ai.onnx"
#: Weights beyond this are too near to half's largest number, 65504.
_LARGEST = 3e4


def take_to_half(model: onnx.ModelProto) -> None:
    """Takes a network to half; inputs, outputs, names and metadata stay as they are.

    In 32 bits stay: the last layer before each output and what comes after it, whatever isn't in the list above, and
    layers whose weights half cannot hold. Casts and weights that nobody reads any more are left to TensorRT, which
    drops them. Raises ModelFileError where there is no layer to take to half.
    """
    graph = _Graph(model)
    chosen = [graph.safe(node) for node in model.graph.node]
    if not any(safe and node.op_type in _WEIGHTED for safe, node in zip(chosen, model.graph.node, strict=True)):
        raise ModelFileError("a network without a layer that could run in half precision: take fp32")
    nodes = [made for node, safe in zip(model.graph.node, chosen, strict=True) for made in graph.rewritten(node, safe)]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)


class _Graph:
    """A model's tensors: their types, their values where they are weights, and which are in half by now."""

    def __init__(self, model: onnx.ModelProto):
        import onnx

        self._onnx, self._graph = onnx, model.graph
        self._types = _types(onnx.shape_inference.infer_shapes(model).graph)
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._stored_half = {
            node.output[0]: node.input[0]
            for node in model.graph.node
            if node.op_type == "Cast" and self._is_half_weight(node.input[0])
        }
        self._last = _last_layers(model.graph)
        self._halves: dict[str, str] = {}

    def safe(self, node: onnx.NodeProto) -> bool:
        """Whether a node may run in half."""
        if node.op_type not in _SAFE or node.domain not in _STANDARD or node.output[0] in self._last:
            return False
        given = [node.input[i] for i in self._features(node) if node.input[i]]
        return all(self._is_float(name) and self._fits(name) for name in [*given, *node.output])

    def rewritten(self, node: onnx.NodeProto, safe: bool) -> Iterator[onnx.NodeProto]:
        """The nodes that stand for one: in half, what it gives is also there in 32 bits for who wants that."""
        if not safe:
            yield node
            return
        for i in self._features(node):
            if node.input[i]:
                yield from self._to_half(node.input[i])
                node.input[i] = self._halves[node.input[i]]
        given = list(node.output)
        for i, name in enumerate(given):
            node.output[i] = self._halves[name] = f"{name}__half"
        yield node
        for name in given:
            yield self._cast(f"{name}__half", name, self._onnx.TensorProto.FLOAT)

    def _features(self, node: onnx.NodeProto) -> list[int]:
        wanted = _SAFE[node.op_type]
        return [i for i in range(len(node.input)) if wanted is None or i in wanted]

    def _to_half(self, name: str) -> Iterator[onnx.NodeProto]:
        """What it takes to have a tensor in half: nothing where it is already, was stored so, or is a weight."""
        if name in self._halves:
            return
        if name in self._stored_half:
            self._halves[name] = self._stored_half[name]
            return
        self._halves[name] = half = f"{name}__half"
        if name not in self._weights:
            yield self._cast(name, half, self._onnx.TensorProto.FLOAT16)
            return
        values = self._onnx.numpy_helper.to_array(self._weights[name]).astype(np.float16)
        self._graph.initializer.append(self._onnx.numpy_helper.from_array(values, half))

    def _cast(self, name: str, to: str, kind: int) -> onnx.NodeProto:
        return self._onnx.helper.make_node("Cast", [name], [to], name=f"{to}__cast", to=kind)

    def _is_half_weight(self, name: str) -> bool:
        return name in self._weights and self._weights[name].data_type == self._onnx.TensorProto.FLOAT16

    def _is_float(self, name: str) -> bool:
        return self._types.get(name) == self._onnx.TensorProto.FLOAT

    def _fits(self, name: str) -> bool:
        if name not in self._weights:
            return True
        values = self._onnx.numpy_helper.to_array(self._weights[name])
        return values.size == 0 or bool(np.abs(values).max() <= _LARGEST)


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    values = [*graph.input, *graph.output, *graph.value_info]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _last_layers(graph: onnx.GraphProto) -> set[str]:
    """What is made from the last layer with weights before each output on, by names."""
    maker = {name: node for node in graph.node for name in node.output}
    last, open_ends = set(), [value.name for value in graph.output]
    while open_ends:
        name = open_ends.pop()
        node = maker.get(name)
        if node is None or name in last:
            continue
        last.update(node.output)
        if node.op_type not in _WEIGHTED:
            open_ends.extend(node.input)
    return last
