"""OpenVINO: where it is taken, and that it answers as ONNX Runtime does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from extreme3d_ros.engines import EngineError, Engines, OnnxEngine, Status, fewer_bits
from extreme3d_ros.engines.driver import NoGpu
from extreme3d_ros.engines.fewer_bits import cpu_flags, engine_in_fewer_bits, quantised_path
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.engines.openvino import OpenVinoEngine, load_openvino
from extreme3d_ros.errors import ModelFileError

DATA = Path(__file__).parent.parent / "extreme3d_ros" / "data"
BUMP, FOUNDATION = DATA / "bump.onnx", DATA / "foundation.onnx"
AMX, VNNI = frozenset({"amx_bf16", "avx512_bf16", "avx512_vnni"}), frozenset({"avx512_bf16", "avx_vnni"})
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")


class FakeEngine:
    """Says what it was made of."""

    shapes, outputs = {}, ()

    def __init__(self, path, precision="f32"):
        self.about, self.metadata = f"OpenVINO {path.name} {precision}", {"quantised_from": digest(BUMP)}

    def __call__(self, **inputs):
        return {}

    def close(self):
        pass


@pytest.fixture
def installed(monkeypatch):
    """An OpenVINO that runs nothing."""
    monkeypatch.setattr(fewer_bits, "find_spec", lambda name: object())
    monkeypatch.setattr(fewer_bits, "OpenVinoEngine", FakeEngine)


@pytest.fixture
def inputs():
    """A window of the bump network: noise, which is far from what its ranges were made for."""
    rng = np.random.default_rng(0)
    return {
        "window": rng.integers(0, 256, (1, 256, 256, 3), np.uint8),
        "normals": rng.uniform(-1, 1, (1, 256, 256, 3)).astype(np.float32),
        "place": rng.uniform(-1, 1, (1, 256, 256, 2)).astype(np.float32),
    }


@pytest.mark.usefixtures("installed")
class TestChoice:
    def test_with_amx_the_shipped_networks_run_in_bf16(self):
        for path in (BUMP, FOUNDATION):
            assert engine_in_fewer_bits(path, AMX).about == f"OpenVINO {path.name} bf16"

    def test_with_vnni_a_network_runs_by_its_8_bit_version_and_others_as_they_are(self, tmp_path):
        path = tmp_path / "bump.onnx"
        path.write_bytes(BUMP.read_bytes())
        assert engine_in_fewer_bits(path, VNNI) is None
        quantised_path(path).write_bytes(b"")
        assert engine_in_fewer_bits(path, VNNI).about == "OpenVINO bump_int8.onnx f32"

    def test_another_cpu_is_left_to_onnx_runtime(self):
        assert engine_in_fewer_bits(BUMP, frozenset({"avx2", "avx512_bf16"})) is None

    def test_networks_that_were_not_measured_run_as_their_files_are(self, tmp_path):
        path = tmp_path / "bump.onnx"
        path.write_bytes(BUMP.read_bytes())
        assert engine_in_fewer_bits(path, AMX) is None

    def test_where_it_is_not_installed_it_is_not_taken(self, monkeypatch):
        monkeypatch.setattr(fewer_bits, "find_spec", lambda name: None)
        assert engine_in_fewer_bits(BUMP, AMX) is None

    def test_an_8_bit_version_of_another_file_is_refused(self, tmp_path):
        path = tmp_path / "bump.onnx"
        path.write_bytes(BUMP.read_bytes() + b" ")
        quantised_path(path).write_bytes(b"")
        with pytest.raises(EngineError, match=r"bump_int8.onnx is of another bump.onnx.*training.quantise"):
            engine_in_fewer_bits(path, VNNI)

    def test_a_missing_network_is_said_so_by_name(self, tmp_path):
        quantised_path(tmp_path / "net.onnx").write_bytes(b"")
        with pytest.raises(ModelFileError, match="net.onnx cannot be read"):
            engine_in_fewer_bits(tmp_path / "net.onnx", VNNI)


class TestQuantise:
    @pytest.fixture
    def quantise(self):
        pytest.importorskip("onnx", reason="needs ONNX")
        pytest.importorskip("sympy", reason="needs ONNX Runtime's quantisation, which needs SymPy")
        return pytest.importorskip("training.quantise", reason="needs what training needs")

    @pytest.mark.slow
    def test_all_but_the_finest_block_and_the_bumps_head_are_8_bit(self, quantise, inputs, tmp_path):
        import onnx

        path = tmp_path / "small.onnx"
        path.write_bytes(quantise.quantised(BUMP, [inputs]))
        metadata = OnnxEngine(path).metadata
        assert metadata == OnnxEngine(BUMP).metadata | {"quantised_from": digest(BUMP)}
        assert quantise.differences(BUMP, path, [inputs])["bump"] < 5e-5
        graph = onnx.load(path).graph
        bits = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
        layers = {node.name: set(node.input[:2]) <= bits for node in graph.node if node.op_type == "Conv"}
        kept = {name for name, in_bits in layers.items() if not in_bits}
        assert len(layers) == 48 and len(kept) == 7
        assert all("/encoder.0/" in name or "/heads.1/" in name for name in kept)

    def test_a_network_that_is_another_is_refused(self, quantise):
        with pytest.raises(ValueError, match="is not the bump network"):
            quantise.quantised(FOUNDATION, [])

    def test_nothing_is_written_where_its_answers_are_too_far_off(self, quantise, inputs, tmp_path, monkeypatch):
        monkeypatch.setattr(quantise, "faces", lambda first, count: iter([inputs]))
        monkeypatch.setattr(quantise, "quantised", lambda path, shown: BUMP.read_bytes())
        monkeypatch.setattr(quantise, "_TOLERANCES", {"bump": -1.0})
        with pytest.raises(ValueError, match="bump is 0 off, more than -1"):
            quantise.write(BUMP, tmp_path / "out.onnx", 1)
        assert not list(tmp_path.iterdir())


class TestFlags:
    def test_they_are_linux_s(self, tmp_path):
        info = tmp_path / "cpuinfo"
        info.write_text("model name\t: a\nflags\t\t: fpu avx2 amx_bf16\nvmx flags\t: other\nflags\t\t: fpu\n")
        assert cpu_flags(info) == {"fpu", "avx2", "amx_bf16"}

    def test_of_other_cpus_and_systems_there_are_none(self, tmp_path):
        (tmp_path / "arm").write_text("processor\t: 0\nFeatures\t: fp asimd\n")
        assert cpu_flags(tmp_path / "arm") == cpu_flags(tmp_path / "none") == frozenset()


class TestEngines:
    @pytest.fixture
    def machine(self):
        def no_gpu():
            raise NoGpu("none")

        return Machine(find_gpus=no_gpu, onnx=lambda path, device: FakeEngine(path, "by ONNX Runtime"))

    @pytest.mark.parametrize("device", ["auto", "cpu"])
    def test_on_the_cpu_it_comes_first(self, machine, device):
        engines = Engines(device, machine=replace(machine, fewer_bits=lambda path: FakeEngine(path, "bf16")))
        assert engines(BUMP).about == "OpenVINO bump.onnx bf16"
        assert engines.status() == {"bump": Status("OpenVINO bump.onnx bf16")}

    def test_onnx_runtime_takes_what_it_leaves(self, machine):
        engines = Engines("cpu", machine=replace(machine, fewer_bits=lambda path: None))
        assert engines(BUMP).about == "OpenVINO bump.onnx by ONNX Runtime"

    def test_where_it_fails_onnx_runtime_is_a_warning_and_a_reason(self, machine):
        def failing(path):
            raise EngineError("it does not load")

        said = []
        engines = Engines("cpu", warn=said.append, machine=replace(machine, fewer_bits=failing))
        engine = engines(BUMP)
        assert engine.about == "OpenVINO bump.onnx by ONNX Runtime"
        assert said == [f"bump.onnx: it does not load; it runs by {engine.about} instead"]
        assert engines.status()["bump"].degraded == "it does not load"


def settled(named):
    """An input's name and its sizes, None for those that are left open."""
    return named[0], [size if isinstance(size, int) else None for size in named[1]]


@needs_openvino
class TestOpenVino:
    def test_what_a_network_is_told_as_by_onnx_runtime(self):
        for path in (BUMP, FOUNDATION):
            engine, reference = OpenVinoEngine(path), OnnxEngine(path)
            assert list(map(settled, engine.shapes.items())) == list(map(settled, reference.shapes.items()))
            assert (engine.outputs, engine.metadata) == (reference.outputs, reference.metadata)

    def test_what_runs_is_told(self):
        assert OpenVinoEngine(FOUNDATION, 2).about.endswith(" on cpu, 2 threads, f32")

    def test_sizes_that_a_network_leaves_open_are_no_numbers_and_8_bits_are_told(self, tmp_path):
        onnx = pytest.importorskip("onnx", reason="needs ONNX")
        x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3]) for name in "xy")
        graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "net", [x], [y])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.helper.set_model_props(model, {"quantised_from": "a"})
        (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
        engine = OpenVinoEngine(tmp_path / "net.onnx")
        assert engine.metadata == {"quantised_from": "a"} and engine.about.endswith(", int8")
        assert engine.shapes["x"][1] == 3 and not isinstance(engine.shapes["x"][0], int)
        for count in (2, 5):
            assert engine(x=-np.ones((count, 3), np.float32))["y"].shape == (count, 3)

    def test_in_single_precision_its_answers_are_onnx_runtime_s(self, inputs):
        found, wanted = OpenVinoEngine(BUMP)(**inputs), OnnxEngine(BUMP)(**inputs)
        for name, value in wanted.items():
            assert value.dtype == found[name].dtype and np.abs(found[name] - value).max() < 1e-4 * np.abs(value).max()

    def test_answers_are_the_callers_to_keep(self, inputs):
        engine = OpenVinoEngine(BUMP)
        first = engine(**inputs)
        kept = {name: value.copy() for name, value in first.items()}
        engine(**inputs | {"place": -inputs["place"]})
        assert all(np.array_equal(first[name], kept[name]) for name in kept)

    def test_inputs_of_any_layout_are_taken(self, inputs):
        engine = OpenVinoEngine(BUMP)
        wanted = engine(**inputs | {"window": inputs["window"][:, :, ::-1].copy()})
        assert np.array_equal(engine(**inputs | {"window": inputs["window"][:, :, ::-1]})["bump"], wanted["bump"])

    def test_threads_may_share_an_engine(self, inputs):
        engine = OpenVinoEngine(BUMP)
        places = [inputs["place"] * sign for sign in (1, -1)]
        wanted = [engine(**inputs | {"place": place})["bump"] for place in places]
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda i: engine(**inputs | {"place": places[i % 2]})["bump"], range(6))
            assert all(np.array_equal(value, wanted[i % 2]) for i, value in enumerate(found))

    def test_a_missing_input_is_not_the_last_calls(self, inputs):
        engine = OpenVinoEngine(BUMP)
        engine(**inputs)
        with pytest.raises(ValueError, match="does not take such inputs"):
            engine(window=inputs["window"], normals=inputs["normals"])

    def test_wrong_types_and_shapes_are_refused(self, inputs):
        engine = OpenVinoEngine(BUMP)
        for wrong in (inputs["place"].astype(np.float64), inputs["place"][:, 1:], inputs["place"][0]):
            with pytest.raises(ValueError, match="does not take such inputs"):
                engine(**inputs | {"place": wrong})

    @pytest.mark.parametrize("content", [b"", b"no network", BUMP.read_bytes()[:100_000]])
    def test_a_file_that_it_cannot_run_is_said_so_by_name(self, tmp_path, content):
        path = tmp_path / "net.onnx"
        path.write_bytes(content)
        with pytest.raises(EngineError, match=f"OpenVINO cannot run {path}"):
            OpenVinoEngine(path)

    def test_loading_it_starts_nothing_that_reports_to_its_maker(self):
        check = (
            "import sys, threading; from extreme3d_ros.engines.openvino import load_openvino; load_openvino();"
            "print([name for name in sys.modules if 'telemetry' in name], len(threading.enumerate()))"
        )
        found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[] 1"


def test_an_openvino_that_does_not_load_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="pip install"):
        load_openvino()
