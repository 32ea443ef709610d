"""PyTorch to ONNX: batch normalisation folded, weights as half floats, and the answer checked."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import nn

#: How far half floats may move an answer.
_TOLERANCE = 5e-3


def onnx_of(
    network: nn.Module, inputs: dict, names: tuple[str, ...], metadata: dict[str, str], tolerance: float = _TOLERANCE
) -> bytes:
    """Any network's file. inputs: examples, tensors by name; names: of the outputs; tolerance: how far ONNX Runtime's
    answer may be off, as a part of its largest number (or of 1). Raises ValueError where it is farther off."""
    import onnx

    network = network.eval().cpu().float()
    exported = io.BytesIO()
    torch.onnx.export(
        network,
        tuple(inputs.values()),
        exported,
        input_names=list(inputs),
        output_names=list(names),
        opset_version=17,
        dynamo=False,
    )
    made = onnx.load_from_string(exported.getvalue())
    _halve_weights(made)
    onnx.helper.set_model_props(made, metadata)
    onnx.checker.check_model(made)
    data = made.SerializeToString()
    _check(data, network, inputs, tolerance)
    return data


def _halve_weights(made) -> None:
    """Large float32 initializers of an ONNX model become float16 ones and are cast back when it is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in made.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype != np.float32 or value.size < 1024 or np.abs(value).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        made.graph.node.insert(0, cast)


def _check(data: bytes, network, inputs, tolerance: float) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    with torch.no_grad():
        wanted = network(*inputs.values())
    for got, want in zip(found, wanted, strict=True):
        off = np.abs(got - want.numpy()).max() / max(1.0, want.abs().max().item())
        if not off <= tolerance:  # nor if it is not a number
            raise ValueError(f"the exported network's answer is {off:.2g} off")
