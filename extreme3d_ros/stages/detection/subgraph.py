"""A part of a TensorFlow Lite model as a model of its own.

The attention mesh holds three kinds of operation that only MediaPipe's own build knows. What lies before and what lies
behind them is ordinary; in between numpy does.
"""

from __future__ import annotations

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def subgraph(model: bytes, inputs: list[bytes] | None, outputs: list[bytes]) -> bytes:
    """The operations between the tensors named `inputs` (None: the model's own) and those named `outputs`."""
    tree = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = tree.subgraphs[0]
    number = {tensor.name: i for i, tensor in enumerate(graph.tensors)}
    if inputs is not None:
        graph.inputs = [number[name] for name in inputs]
    graph.outputs = [number[name] for name in outputs]
    graph.operators = _between(graph.operators, set(graph.inputs), graph.outputs)
    tree.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _between(operators, inputs, outputs):
    """The operators that the outputs need, given the inputs, in order."""
    needed, kept = set(outputs) - inputs, []
    for operator in reversed(operators):
        if needed.intersection(operator.outputs):
            kept.append(operator)
            needed.update(set(operator.inputs) - inputs)
    return kept[::-1]
