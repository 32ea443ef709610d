"""`extreme3d engines`: build, list, check, bench; on this machine's CPU, and on one whose GPU is pretended."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_fakes import GPU, CudaDriver, PretendedEngine, fake_tensorrt, pretended_machine, raising

from extreme3d_ros.cli import engine_bench
from extreme3d_ros.cli import engines as command
from extreme3d_ros.cli.engine_samples import sample
from extreme3d_ros.cli.main import main
from extreme3d_ros.engines import EngineError, OnnxEngine, choose
from extreme3d_ros.engines.catalogue import catalogue, entries_path
from extreme3d_ros.engines.cuda import Stream
from extreme3d_ros.engines.driver import NoGpu
from extreme3d_ros.engines.plan_file import read_plan
from extreme3d_ros.engines.tensorrt_module import NoTensorRT, find_tensorrt
from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.folders import networks_folder, plans_folder

onnx = pytest.importorskip("onnx", reason="plans are made from rewritten ONNX files")

ENTRY = """
{name}:
  about: it doubles
  file: {name}.onnx
  inputs:
    x: {{shape: [2, 3], noise: [float32, -1, 1]}}
  limits:
    y: [1.0e-2, 1.0e-3]
  preprocessing: numbers
  licence: MIT
  origin: this test
"""


class Pretended(PretendedEngine):
    """The network `double` by TensorRT's name. off: added to its output."""

    def __init__(self, off):
        super().__init__(f"TensorRT on {GPU.about}", 2)
        self._off = off

    def __call__(self, **inputs):
        return {"y": super().__call__(**inputs)["y"] + self._off}


@pytest.fixture(autouse=True)
def double(tmp_path, monkeypatch):
    """The path of the user's network `double`, whose batch is open."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    networks_folder().mkdir(parents=True)
    entries_path().write_text(ENTRY.format(name="double"))
    path = networks_folder() / "double.onnx"
    path.write_bytes(doubling())
    return path


def doubling(doc=""):
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 3]) for name in "xy"]
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "double", values[:1], values[1:], doc_string=doc)
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


@pytest.fixture
def on(monkeypatch):
    """Has the command run on a machine with one GPU and TensorRT, but for what is said."""

    def pretend(off=0.0, **changes):
        machine = pretended_machine(
            onnx=OnnxEngine,
            build_plan=lambda tensorrt, data, capability, progress: data,
            run_plan=lambda *arguments: Pretended(off),
        )
        for module in (choose, command):
            monkeypatch.setattr(module, "Machine", lambda: replace(machine, **changes))

    return pretend


def run(capsys, *words):
    """Status, standard output and error."""
    status = main(["engines", *words])
    return (status, *capsys.readouterr())


class TestBuild:
    def test_without_a_gpu_it_says_what_is_missing(self, on, capsys):
        on(find_gpus=raising(NoGpu("there is no NVIDIA driver")))
        assert run(capsys, "build", "double") == (
            2,
            "",
            "extreme3d: --device cuda: there is no NVIDIA driver\n",
        )

    @pytest.mark.parametrize("cuda_provider", [False, True])
    def test_without_tensorrt_it_says_what_to_install(self, on, capsys, cuda_provider):
        on(find_tensorrt=raising(NoTensorRT("pip install this")), has_cuda_provider=lambda: cuda_provider)
        status, out, err = run(capsys, "build", "double")
        assert (status, out, err.count("\n")) == (2, "", 1) and "pip install this" in err

    @pytest.mark.parametrize("device", ["cpu", "auto"])
    def test_a_plan_is_for_a_gpu(self, on, capsys, device):
        on()
        status, _, err = run(capsys, "build", "double", "--device", device)
        assert status == 2 and "cuda or cuda:N" in err

    def test_a_plan_is_built_once_with_open_sizes_as_the_catalogue_says(self, on, capsys):
        on()
        status, out, err = run(capsys, "build", "double")
        assert (status, out) == (0, f"double: ready, TensorRT on {GPU.about}\n") and "builds double.onnx" in err
        (plan,) = plans_folder().glob("*.plan")
        (x,) = onnx.load_from_string(read_plan(plan)[1]).graph.input
        assert [size.dim_value for size in x.type.tensor_type.shape.dim] == [2, 3]
        on(build_plan=raising(AssertionError("built again")))
        assert run(capsys, "build", "double")[::2] == (0, "")

    def test_a_build_that_fails_ends_with_4(self, on, capsys):
        on(build_plan=raising(ModelFileError("TensorRT does not take the network")))
        status, _, err = run(capsys, "build", "double")
        assert status == 4 and err.endswith("extreme3d: TensorRT does not take the network\n")

    def test_a_network_that_is_not_imported_is_named_with_the_command(self, on, capsys):
        on()
        status, _, err = run(capsys, "build", "--profile", "extreme3d")
        assert status == 4 and "extreme3d models import shape2018 shape_model.pth" in err

    def test_networks_or_a_profile(self, capsys):
        assert run(capsys, "check", "double", "--profile", "default")[0] == 2
        assert run(capsys, "check", "nose")[::2] == (
            2,
            "extreme3d: there is no network nose: there are foundation, bump, shape2018, bump2018, double\n",
        )


class TestList:
    @staticmethod
    def state(capsys):
        status, out, _ = run(capsys, "list")
        assert status == 0
        head, row = out.splitlines()
        return row[head.index("state") : head.index("file")].strip()

    def test_no_plans(self, capsys):
        status, out, _ = run(capsys, "list")
        assert status == 0 and str(plans_folder()) in out and out.count("\n") == 1

    def test_a_plan_with_all_that_it_is_for(self, on, capsys):
        on()
        run(capsys, "build", "double")
        _, out, _ = run(capsys, "list")
        (row,) = out.splitlines()[1:]
        assert row.startswith(f"double   {GPU.name}  10.13.0") and "fp32" in row and row.endswith(".plan")
        assert self.state(capsys) == "good"

    def test_what_it_no_longer_fits(self, on, capsys, double):
        on()
        run(capsys, "build", "double")
        on(find_tensorrt=lambda: fake_tensorrt(version="10.14.0"))
        assert self.state(capsys) == "stale: this is TensorRT 10.14.0"
        on(find_gpus=lambda: (replace(GPU, name="Another"),))
        assert self.state(capsys) == "not for this machine: its GPU is another"
        on(find_gpus=raising(NoGpu("none")), find_tensorrt=raising(AssertionError("may end the process")))
        assert self.state(capsys) == "not for this machine: it cannot run plans"
        double.write_bytes(doubling("changed"))
        assert self.state(capsys) == f"stale: {double} is another now"
        double.unlink()
        assert self.state(capsys) == f"stale: {double} is gone"

    def test_a_broken_one(self, on, capsys):
        on()
        run(capsys, "build", "double")
        (plan,) = plans_folder().glob("*.plan")
        whole = plan.read_bytes()
        for data in (whole[:-1], b""):
            plan.write_bytes(data)
            assert self.state(capsys).startswith("broken: it is no plan, or cut off or damaged")


class TestCheck:
    def test_the_shipped_networks_on_a_face(self, capsys):
        pytest.importorskip("skimage", reason="scikit-image is not installed (extra: demo)")
        status, out, err = run(capsys, "check", "--device", "cpu")
        assert (status, err) == (0, "")
        assert out.count("shown a face") == 2 and out.count("0.0e+00") == 14 and out.count("good") == 7

    @pytest.mark.parametrize("off, status", [(0, 0), (9e-4, 0), (2e-3, 4), (2e-2, 4), (np.nan, 4)])
    def test_the_largest_and_the_mean_difference_have_limits(self, on, capsys, off, status):
        on(np.float32(off))
        got, out, err = run(capsys, "check", "double")
        assert got == status and f"TensorRT on {GPU.about}, shown noise" in out
        assert ("BEYOND" in out) == bool(status) == ("double's y is off by more than its limits" in err)

    def test_outputs_of_another_shape_are_infinitely_far_off(self, on, capsys):
        on(np.zeros((5, 1, 1), np.float32))
        status, out, _ = run(capsys, "check", "double")
        assert status == 4 and "inf" in out

    def test_a_stopgap_does_not_pass(self, on, capsys):
        on(run_plan=raising(EngineError("the GPU's memory is full")))
        status, out, err = run(capsys, "check", "double")
        assert status == 4 and "ONNX Runtime" in out
        assert err.endswith("extreme3d: double does not run as it should: the GPU's memory is full\n")

    def test_an_output_without_limits_is_named(self, capsys):
        entries_path().write_text(ENTRY.format(name="double").replace("y: [", "z: ["))
        status, _, err = run(capsys, "check", "double", "--device", "cpu")
        assert status == 4 and "double's output y has no limits" in err

    @pytest.mark.parametrize("old, new, expected", [("[2, 3]", "[2, 4]", 4), ("float32, -1", "uint8, 0", 2)])
    def test_inputs_that_the_network_does_not_take_are_named(self, capsys, old, new, expected):
        entries_path().write_text(ENTRY.format(name="double").replace(old, new))
        status, _, err = run(capsys, "check", "double", "--device", "cpu")
        assert status == expected and "double" in err and str(entries_path()) in err and err.count("\n") == 1

    def test_they_are_shown_what_a_plan_of_fixed_sizes_takes(self):
        for name in ("foundation", "bump"):
            network = catalogue()[name]
            assert {key: value.shape for key, value in sample(network).items()} == dict(network.shapes)

    def test_an_image_without_a_face(self, capsys, tmp_path):
        import cv2

        cv2.imwrite(str(tmp_path / "grey.png"), np.full((240, 320, 3), 127, np.uint8))
        status, _, err = run(capsys, "check", "foundation", "--device", "cpu", "--image", str(tmp_path / "grey.png"))
        assert status == 3 and "grey.png shows no face" in err


class TestBench:
    def test_the_cpu_alone(self, capsys):
        status, out, _ = run(capsys, "bench", "double", "--device", "cpu", "--runs", "3", "--json")
        result = json.loads(out)
        (way,) = result["networks"]["double"]
        assert status == 0 and result["runs"] == 3 and way["about"].startswith("ONNX Runtime") and way["gpu_mb"] is None
        assert 0 < way["median_ms"] <= way["p95_ms"] and way["first_ms"] > 0

    def test_the_cpu_beside_the_gpu(self, on, capsys, monkeypatch):
        driver = CudaDriver(room=100_000_000)
        held = []

        def loaded(*arguments):
            held.append(Stream(0, driver))
            with held[-1].current():
                held[-1].device_memory(7_000_000)
            return Pretended(0)

        monkeypatch.setattr(engine_bench, "Stream", lambda index: Stream(index, driver))
        on(run_plan=loaded)
        assert run(capsys, "build", "double")[0] == 0
        status, out, _ = run(capsys, "bench", "double", "--runs", "3", "--json")
        on_cpu, on_gpu = json.loads(out)["networks"]["double"]
        assert status == 0 and on_cpu["gpu_mb"] is None and on_gpu["gpu_mb"] == 7
        assert on_gpu["about"] == f"TensorRT on {GPU.about}"

    def test_its_table(self, capsys):
        _, out, _ = run(capsys, "bench", "double", "--device", "cpu", "--runs", "1")
        _, head, row = out.splitlines()
        assert re.split("  +", head) == ["network", "engine", "median ms", "p95 ms", "first ms", "memory mb", "gpu mb"]
        assert row.startswith("double") and row.endswith("-")


def test_tensorrt_itself_builds_what_the_catalogue_names(on, capsys):
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install 'extreme3d_ros[tensorrt]'")
    from extreme3d_ros.engines.tensorrt_build import build_plan

    on(find_tensorrt=find_tensorrt, build_plan=build_plan)
    for precision in ("fp32", "fp16"):
        status, out, _ = run(
            capsys, "build", "double" if precision == "fp32" else "foundation", "--precision", precision
        )
        assert status == 0 and "ready" in out
    _, out, _ = run(capsys, "list")
    assert [row.split()[0] for row in out.splitlines()[1:]] == ["double", "foundation"]
    assert out.count("  good  ") == 2 and Path(out.split()[-1]).stat().st_size > 10_000
