"""`python -m training.quantise`: the bump network's 8-bit version, which OpenVINO runs on CPUs with VNNI.

Its weights are 8 bits by channel, its activations 8 bits in ranges that rendered faces have shown. The bump's own head
and the finest encoder block stay as they are: their rounding alone is what made normals worse (0.05 degrees of the 0.2
that the network gains). It isn't shipped: the rest costs the visible skin's overlap with the truth 0.0008 of 0.925.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.engines.fewer_bits import quantised_path
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.engines.openvino import QUANTISED_FROM
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.stages.bump_network import DEFAULT_NETWORK
from extreme3d_ros.stages.face_window import WindowMaker
from training.bump.renders import Observer
from training.faces.generator import Wish

Inputs = dict[str, np.ndarray]
#: Parts of nodes' names: the finest encoder block and the bump's head.
_KEPT = "/maps/encoder.0/", "/maps/heads.1/"
_KINDS = None, "sunglasses", "hand", "hair"
#: Between the training's own and those that are for measuring.
_FIRST_SEED = 500_000
#: Of an activation's values this share (%) is within its range: what is rarer is clipped, and the rest is finer.
_WITHIN = 99.99
#: Largest rms difference on faces that were not shown before: of the bump on visible skin, metres; of the chances.
_TOLERANCES = {"bump": 5e-5, "mask": 0.05, "occlusion": 0.05}


def faces(first: int, count: int) -> Iterator[Inputs]:
    """What the runtime shows the network of `count` rendered heads, a fourth of each kind; fewer where some aren't
    found."""
    observe = Observer()
    window = WindowMaker(observe.model)
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        wish = Wish(size=(480, 480), share=None if kind else 0.0, kind=kind, most_yaw=60.0, near=(0.5, 0.8))
        seen = observe(first + number, wish)
        if seen is not None:
            _, inputs = window(seen.crop, seen.surface)
            yield {name: value[None] for name, value in inputs.items()}


def quantised(path: Path, shown: list[Inputs]) -> bytes:
    """The 8-bit version of the network in a file. Raises ValueError where it isn't the bump network."""
    with tempfile.TemporaryDirectory() as folder:
        plain, out = Path(folder) / "plain.onnx", Path(folder) / "out.onnx"
        quant_pre_process(path, plain, skip_symbolic_shape=True)  # half floats become single ones
        kept = [node.name for node in onnx.load(plain).graph.node if any(part in node.name for part in _KEPT)]
        if not kept:
            raise ValueError(f"{path} has no layers named {' or '.join(_KEPT)}: it is not the bump network")
        quantize_static(
            plain,
            out,
            _Shown(shown),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu", "Concat", "Resize"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": _WITHIN},
        )
        made = onnx.load(out)
    onnx.helper.set_model_props(made, OnnxEngine(path).metadata | {QUANTISED_FROM: digest(path)})
    onnx.checker.check_model(made)
    return made.SerializeToString()


def differences(one: Path, other: Path, shown: list[Inputs]) -> dict[str, float]:
    """{output: rms difference of the answers}, the bump's in metres, where the first one sees skin."""
    engines = OnnxEngine(one), OnnxEngine(other)
    answers = [tuple(engine(**inputs) for engine in engines) for inputs in shown]
    skin = np.stack([a["mask"] > 0.5 for a, _ in answers])
    off = {name: np.stack([a[name] - b[name] for a, b in answers]) for name in _TOLERANCES}
    off["bump"] = off["bump"][skin]
    return {name: float(np.sqrt(np.mean(values**2))) for name, values in off.items()}


def write(path: Path, out: Path, count: int) -> dict[str, float]:
    """Writes the 8-bit version, its ranges those of `count` faces, and tells how far off it is on others. Raises
    ValueError where that is too far: nothing is written then."""
    data = quantised(path, list(faces(_FIRST_SEED, count)))
    with tempfile.TemporaryDirectory() as folder:
        off = differences(path, write_bytes(Path(folder) / out.name, data), list(faces(_FIRST_SEED + count, 8)))
    for name, limit in _TOLERANCES.items():
        if not off[name] <= limit:  # nor if it is not a number
            raise ValueError(f"the 8-bit network's {name} is {off[name]:.2g} off, more than {limit:.2g}")
    write_bytes(out, data)
    return off


class _Shown(CalibrationDataReader):
    """Inputs, one after the other."""

    def __init__(self, shown: list[Inputs]):
        self._left = iter(shown)

    def get_next(self) -> Inputs | None:
        return next(self._left, None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.quantise", description=__doc__.split("\n\n")[0])
    parser.add_argument("--network", type=Path, default=DEFAULT_NETWORK, help="the bump network; default: the shipped")
    parser.add_argument("--faces", type=int, default=24, help="rendered heads that the ranges are taken from")
    parser.add_argument("--out", type=Path, help="the ONNX file to write; default: beside the network")
    arguments = parser.parse_args()
    out = arguments.out or quantised_path(arguments.network)
    off = write(arguments.network, out, arguments.faces)
    told = ", ".join(f"{name} {value:.2g}" for name, value in off.items())
    print(f"{out}: off by (rms, the bump in metres) {told}")


if __name__ == "__main__":
    main()
