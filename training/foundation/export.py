"""PyTorch to ONNX: batch normalisation folded, weights as half floats, and the answer checked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from extreme3d_ros.face_model.model import FaceModel
from extreme3d_ros.networks.foundation import POINTS

NAMES = ("moved", "point_scatter", "coefficients", "coefficient_scatter")
#: How far half floats may move an answer.
_TOLERANCE = 5e-3


def export(network: nn.Module, model: FaceModel, size: int, figures: dict, out: Path) -> None:
    """Writes the network for pairs of windows of `size` pixels, a face's and its mirror image's. Raises ValueError
    where ONNX Runtime's answer is another."""
    rng = np.random.default_rng(0)
    window = torch.from_numpy(rng.integers(0, 256, (2, size, size, 3), np.uint8))
    residual = torch.from_numpy(0.01 * rng.standard_normal((2, POINTS, 2), np.float32))
    inputs = {"window": window, "residual": residual, "rotation": torch.eye(3).expand(2, 3, 3).contiguous()}
    write_onnx(network, inputs, NAMES, {"face_model": model.name, "figures": json.dumps(figures)}, out)


def write_onnx(
    network: nn.Module,
    inputs: dict,
    names: tuple[str, ...],
    metadata: dict[str, str],
    out: Path,
    tolerance: float = _TOLERANCE,
    open_axes: dict[int, str] | None = None,
) -> None:
    """Writes any network. inputs: examples, tensors by name; names: of the outputs; tolerance: how far ONNX Runtime's
    answer may be off, as a part of its largest number (or of 1); open_axes: names of those axes of all inputs and
    outputs whose size is left open. Raises ValueError where the answer is farther off."""
    import onnx

    network = network.eval().cpu().float()
    data = io.BytesIO()
    torch.onnx.export(
        network,
        tuple(inputs.values()),
        data,
        input_names=list(inputs),
        output_names=list(names),
        dynamic_axes=dict.fromkeys((*inputs, *names), open_axes) if open_axes else None,
        opset_version=17,
        dynamo=False,
    )
    made = onnx.load_from_string(data.getvalue())
    halve_weights(made)
    onnx.helper.set_model_props(made, metadata)
    onnx.checker.check_model(made)
    _check(made.SerializeToString(), network, inputs, tolerance)
    written = out.with_suffix(".part")
    written.write_bytes(made.SerializeToString())
    written.rename(out)


def halve_weights(made) -> None:
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
