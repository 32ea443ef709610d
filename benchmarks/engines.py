"""What the shipped networks cost on this CPU under ONNX Runtime's settings, and under OpenVINO where it is installed.

    .venv/bin/python -m benchmarks.engines [--rounds 40]

All candidates run once in each round, in changing order, so that what slows the machine slows all alike. CPU time is
all threads' of this process and counts what they spin away in the 10 ms after a run. Under
ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI OpenVINO, but not ONNX Runtime, works as on a CPU without AMX.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.clocks import of_machine
from benchmarks.command import markdown, parser_of
from extreme3d_ros.cli.bench import vga
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.engines.fewer_bits import quantised_path
from extreme3d_ros.engines.openvino import OpenVinoEngine
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.input.frames import frame_of
from extreme3d_ros.input.images import demo_image
from extreme3d_ros.pipeline import FastPath
from extreme3d_ros.stages import bump_network, foundation_network

Arrays = dict[str, np.ndarray]
Way = Callable[..., Arrays]
NETWORKS = {"bump": bump_network.DEFAULT_NETWORK, "foundation": foundation_network.DEFAULT_NETWORK}
OWN = "the package's own"
_LEVEL = ort.GraphOptimizationLevel
#: Changes to the package's own setting: attributes of the session's options, entries of its configuration.
SETTINGS: dict[str, tuple[dict, dict]] = {
    "1 thread": ({"intra_op_num_threads": 1}, {}),
    "4 threads": ({"intra_op_num_threads": 4}, {}),
    "threads spin": ({}, {"session.intra_op.allow_spinning": "1"}),
    "graph as it is": ({"graph_optimization_level": _LEVEL.ORT_DISABLE_ALL}, {}),
    "graph basic": ({"graph_optimization_level": _LEVEL.ORT_ENABLE_BASIC}, {}),
    "graph extended": ({"graph_optimization_level": _LEVEL.ORT_ENABLE_EXTENDED}, {}),
    "branches in parallel": ({"execution_mode": ort.ExecutionMode.ORT_PARALLEL, "inter_op_num_threads": 2}, {}),
    "no memory pattern": ({"enable_mem_pattern": False}, {}),
    "no arena": ({"enable_cpu_mem_arena": False}, {}),
    "denormals are zero": ({}, {"session.set_denormal_as_zero": "1"}),
    "no prepacking": ({}, {"session.disable_prepacking": "1"}),
    "dynamic blocks": ({}, {"session.dynamic_block_base": "4"}),
}
#: Seconds after a run; and cores that others may take in a round that counts.
_SETTLE, _QUIET = 0.01, 0.1


def session(path: Path, attributes: dict, entries: dict) -> Way:
    """A network under changed settings."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    for name, value in ({"intra_op_num_threads": 2} | attributes).items():
        setattr(options, name, value)
    for name, value in ({"session.intra_op.allow_spinning": "0"} | entries).items():
        options.add_session_config_entry(name, value)
    made = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in made.get_outputs()]
    return lambda **inputs: dict(zip(names, made.run(names, inputs)))


def candidates(path: Path) -> Iterator[tuple[str, Way]]:
    """Every way to run a network, by name; in 8 bits where there is such a version beside it."""
    yield OWN, OnnxEngine(path)
    for name, (attributes, entries) in SETTINGS.items():
        yield name, session(path, attributes, entries)
    eight_bits = quantised_path(path)
    if eight_bits.exists():
        yield eight_bits.stem, OnnxEngine(eight_bits)
    if not find_spec("openvino"):
        return
    for precision in ("f32", "bf16"):
        for threads in (1, 2):
            yield f"OpenVINO {precision}, {threads} threads", OpenVinoEngine(path, threads, precision)
    if eight_bits.exists():
        yield f"OpenVINO {eight_bits.stem}", OpenVinoEngine(eight_bits, 2, "f32")


def inputs_of(network: str) -> Arrays:
    """What the road shows a network of the package's own photograph."""
    shown: list[Arrays] = []
    fast = FastPath(load_face_model())
    owner = fast._foundation._network if network == "foundation" else fast._layers._network
    ask = owner._engine
    owner._engine = lambda **inputs: shown.append(inputs) or ask(**inputs)
    fast(frame_of(vga(demo_image())))
    return {name: np.ascontiguousarray(value) for name, value in shown[0].items()}


def measure(ways: dict[str, Way], inputs: Arrays, rounds: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """{way: (R, 2) wall and CPU ms} of the quiet rounds, of all where there are none; and what others took in those
    rounds, (R,) cores."""
    times = {name: [] for name in ways}
    others = []
    random = np.random.default_rng(0)
    for _ in range(3 + rounds):
        busy, own, start = of_machine(), time.process_time(), time.perf_counter()
        for name in random.permutation(list(ways)):
            times[name].append(_timed(ways[name], inputs))
        others.append((of_machine() - busy - time.process_time() + own) / (time.perf_counter() - start))
    taken = np.array(others)[3:]
    kept = taken < _QUIET
    kept = kept if kept.any() else ~kept
    return {name: np.array(found)[3:][kept] for name, found in times.items()}, taken[kept]


def _timed(engine: Way, inputs: Arrays) -> tuple[float, float]:
    cpu, start = time.process_time(), time.perf_counter()
    engine(**inputs)
    wall = time.perf_counter() - start
    time.sleep(_SETTLE)
    return wall * 1e3, (time.process_time() - cpu) * 1e3


def table(times: dict[str, np.ndarray], errors: dict[str, float]) -> str:
    """Markdown; ratios are medians over the rounds, of times in the same round."""
    rows = []
    for name, found in times.items():
        ratio = np.median(found / times[OWN], axis=0)
        (wall, cpu), late = np.median(found, axis=0), np.percentile(found[:, 0], 95)
        times_of = f"{wall:.2f}", f"{late:.2f}", f"{ratio[0]:.2f}", f"{cpu:.1f}", f"{ratio[1]:.2f}"
        rows.append([name, *times_of, f"{errors[name]:.1e}"])
    return markdown(["", "median ms", "p95", "of own", "CPU ms", "of own", "largest difference"], rows)


def difference(found: Arrays, truth: Arrays) -> float:
    """The largest difference of any output, as a share of that output's largest value."""
    return max(
        float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(found.values(), truth.values(), strict=True)
    )


def main() -> None:
    """Prints a table for each network."""
    parser = parser_of("engines", __doc__)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    for network, path in NETWORKS.items():
        inputs, ways = inputs_of(network), dict(candidates(path))
        truth = ways[OWN](**inputs)
        errors = {name: difference(engine(**inputs), truth) for name, engine in ways.items()}
        times, others = measure(ways, inputs, arguments.rounds)
        counted = f"{len(others)} of {arguments.rounds} rounds, others at work on {np.median(others):.1f} cores"
        print(f"\n{network}, {counted}, ONNX Runtime {ort.__version__}\n\n{table(times, errors)}")


if __name__ == "__main__":
    main()
