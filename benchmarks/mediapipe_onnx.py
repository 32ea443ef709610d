"""MediaPipe's networks by ONNX Runtime in LiteRT's place: how far apart the answers are, and what each takes.

    python3 -m venv CONVERTER && CONVERTER/bin/pip install tensorflow-cpu tf2onnx
    .venv/bin/python -m benchmarks.mediapipe_onnx CONVERTER/bin/python [--rounds 150]

The full-range detector isn't among them: tf2onnx can't read its sparse weights. All run once in each round, on one
thread, on what the road shows them of the package's own photograph.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from extreme3d_ros import one_thread_blas  # noqa: F401  before numpy's first product
from extreme3d_ros.cli.bench import vga
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.stages.detection import Detection
from extreme3d_ros.stages.detection.networks import Network, network_file
from extreme3d_ros.stages.detection.subgraph import subgraph
from extreme3d_ros.stages.detection.windows import EYES_AND_LIPS

_ATTENTION = "face_landmark/face_landmark_with_attention.tflite"
_BASE_OUTPUTS = [b"output_mesh", b"p_re_lu_3", b"conv_faceflag"]


def models() -> dict[str, bytes]:
    """TensorFlow Lite files: the detector, both halves of the attention mesh, and the 468-point network without it."""
    attention = network_file(_ATTENTION)
    closer = subgraph(attention, [w.input for w in EYES_AND_LIPS], [w.output for w in EYES_AND_LIPS])
    return {
        "detector": network_file("face_detection/face_detection_short_range.tflite"),
        "mesh": subgraph(attention, None, _BASE_OUTPUTS),
        "eyes and lips": closer,
        "plain mesh": network_file("face_landmark/face_landmark.tflite"),
    }


def inputs() -> dict[str, list[np.ndarray]]:
    """What the road shows each of them; the plain mesh sees what the other does."""
    shown: list[list[np.ndarray]] = []
    detection = Detection()
    mesh = detection._mesh
    for owner, name in ((detection._short, "_network"), (mesh, "_base"), (mesh, "_closer")):
        ask = getattr(owner, name)
        setattr(owner, name, lambda *values, ask=ask: shown.append(list(values)) or ask(*values))
    detection(vga(demo_image()))
    detector, base, _, closer = shown  # the mesh is asked twice, eyes and lips once
    return {"detector": detector, "mesh": base, "eyes and lips": closer, "plain mesh": base}


def converted(model: bytes, converter: str) -> ort.InferenceSession:
    """A TensorFlow Lite file by ONNX Runtime, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "network.tflite"), Path(folder, "network.onnx")
        source.write_bytes(model)
        command = [converter, "-m", "tf2onnx.convert", "--tflite", source, "--output", made, "--opset", "17"]
        subprocess.run(command, check=True, capture_output=True)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        return ort.InferenceSession(made, options)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mediapipe_onnx", description=__doc__.split("\n\n")[0])
    parser.add_argument("converter", help="the Python of an environment that holds tf2onnx and tensorflow-cpu")
    parser.add_argument("--rounds", type=int, default=150)
    arguments = parser.parse_args()
    shown = inputs()
    ways = {}
    for name, model in models().items():
        session = converted(model, arguments.converter)
        values = dict(zip([i.name for i in session.get_inputs()], shown[name], strict=True))
        lite = Network(model)
        ways[name] = (lambda lite=lite, name=name: lite(*shown[name])), (lambda s=session, v=values: s.run(None, v))
    times = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, pair in ways.items():
            times[name].append([_cpu_ms(run) for run in pair])
    print("| | LiteRT, CPU ms | ONNX Runtime | ratio | largest difference of any output |\n|---|---|---|---|---|")
    for name, (lite, onnx) in ways.items():
        found = np.array(times[name])[5:]
        ours, other = np.median(found, axis=0)
        ratio = np.median(found[:, 1] / found[:, 0])
        apart = max(float(np.abs(a.ravel() - b.ravel()).max()) for a, b in zip(lite(), onnx(), strict=True))
        print(f"| {name} | {ours:.2f} | {other:.2f} | {ratio:.2f} | {apart:.1e} |")


def _cpu_ms(run) -> float:
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1e3


if __name__ == "__main__":
    main()
