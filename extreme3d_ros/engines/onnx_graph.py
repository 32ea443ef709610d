"""ONNX files as graphs, for rewriting them: needs the package onnx, which running networks does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from extreme3d_ros.engines.engine import EngineError
from extreme3d_ros.errors import ModelFileError, reason

if TYPE_CHECKING:
    import onnx


def read_model(data: bytes) -> onnx.ModelProto:
    """The model of an ONNX file's bytes. Raises EngineError where the package onnx is missing, ModelFileError where
    they are no ONNX file."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise EngineError("to fit networks for TensorRT needs the package onnx: pip install 'onnx<1.23'") from None
    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's errors have no common base
        raise ModelFileError(f"no sound ONNX file ({reason(error)})") from error
    return model


def settle_sizes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Gives inputs whose sizes the network leaves open these."""
    for value in model.graph.input:
        for size, settled in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ())):
            size.dim_value = settled


def take_bytes_first(model: onnx.ModelProto) -> None:
    """Has uint8 inputs cast to float where they enter: TensorRT takes bytes only there.

    What a network does to bytes before its own cast (transposing, slicing) it then does to floats of equal value; one
    that calculates with bytes TensorRT refuses.
    """
    import onnx

    graph, casts = model.graph, []
    for value in graph.input:
        if value.type.tensor_type.elem_type != onnx.TensorProto.UINT8:
            continue
        users = [node for node in graph.node if value.name in node.input]
        if all(node.op_type == "Cast" for node in users):
            continue
        name = f"{value.name}_as_float"
        casts.append(onnx.helper.make_node("Cast", [value.name], [name], to=onnx.TensorProto.FLOAT))
        for node in users:
            node.input[:] = [name if given == value.name else given for given in node.input]
    nodes = [*casts, *graph.node]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
