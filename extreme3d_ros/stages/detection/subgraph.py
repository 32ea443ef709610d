"""A part of a TensorFlow Lite model as a model of its own.

The attention mesh holds three kinds of operation that only MediaPipe's own build knows. What lies before and what lies
behind them is ordinary; in between numpy does.
"""

from __future__ import annotations

import struct

from ai_edge_litert import schema_py_generated as schema

#: Where a SubGraph's vtable has these vectors (TensorFlow Lite's schema, version 3).
_INPUTS, _OUTPUTS, _OPERATORS = 6, 8, 10


def subgraph(model: bytes, inputs: list[bytes] | None, outputs: list[bytes]) -> bytes:
    """The operations between the tensors named `inputs` (None: the model's own) and those named `outputs`."""
    # Edited where it lies: to unpack the model and pack it again takes a tenth of a node's start.
    edited = bytearray(model)
    graph = schema.Model.GetRootAs(edited, 0).Subgraphs(0)
    number = {graph.Tensors(i).Name(): i for i in range(graph.TensorsLength())}
    starts = graph.InputsAsNumpy().tolist() if inputs is None else [number[name] for name in inputs]
    ends = [number[name] for name in outputs]
    _keep(edited, graph, _between([graph.Operators(i) for i in range(graph.OperatorsLength())], set(starts), ends))
    _replace(edited, graph, _INPUTS, starts)
    _replace(edited, graph, _OUTPUTS, ends)
    return bytes(edited)


def _between(operators, inputs, outputs):
    """The operators that the outputs need, given the inputs, in order."""
    needed, kept = set(outputs) - inputs, []
    for operator in reversed(operators):
        if needed.intersection(operator.OutputsAsNumpy().tolist()):
            kept.append(operator)
            needed.update(set(operator.InputsAsNumpy().tolist()) - inputs)
    return kept[::-1]


def _keep(edited, graph, operators):
    """Leaves the graph only these of its operators. The vector gets shorter where it is: its offsets are unsigned, so
    none could reach back from the end."""
    table = graph._tab
    start = table.Vector(table.Offset(_OPERATORS))
    for slot, operator in zip(range(start, len(edited), 4), operators):
        struct.pack_into("<I", edited, slot, operator._tab.Pos - slot)
    struct.pack_into("<I", edited, start - 4, len(operators))


def _replace(edited, graph, field, numbers):
    """Gives the graph another vector of tensors' numbers, at the end of the model."""
    edited.extend(bytes(-len(edited) % 4))
    place = graph._tab.Pos + graph._tab.Offset(field)
    struct.pack_into("<I", edited, place, len(edited) - place)
    edited.extend(struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers))
