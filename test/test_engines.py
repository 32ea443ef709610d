"""Which engine runs a network on which machine, and what happens where that fails."""

import re
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from engine_fakes import GPU, CudaLibrary, PretendedEngine, pretended_machine, raising

from extreme3d_ros.engines import EngineError, Engines, OnnxEngine, Status
from extreme3d_ros.engines.driver import DriverError, NoGpu, find_gpus
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.tensorrt_engine import PlanRefused
from extreme3d_ros.engines.tensorrt_module import NoTensorRT
from extreme3d_ros.errors import InputError, ModelFileError

NETWORK = Path(__file__).parent.parent / "extreme3d_ros" / "data" / "foundation.onnx"
ON_CPU, BY_TENSORRT = "ONNX Runtime on cpu", "TensorRT 10.13.0 on NVIDIA Test 1000 (cuda:0), fp32"
ONE = np.ones((2, 3), np.float32)


@pytest.fixture
def said():
    return []


@pytest.fixture
def machine(tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="plans are made from rewritten ONNX files")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return pretended_machine()


class TestAuto:
    def test_without_a_gpu_the_cpu_without_a_word(self, machine, said):
        engines = Engines(log=said.append, machine=replace(machine, find_gpus=raising(NoGpu("none"))))
        assert engines(NETWORK).about == ON_CPU
        assert said == [] and engines.status() == {"foundation": Status(ON_CPU)}

    def test_with_gpu_and_tensorrt_a_plan_built_once_and_what_is_built_is_said(self, machine, said):
        engines = Engines(log=said.append, machine=machine)
        engine = engines(NETWORK)
        assert engine.about == BY_TENSORRT and np.array_equal(engine(x=ONE)["y"], 2 * ONE)
        assert "TensorRT 10.13.0 builds foundation.onnx for NVIDIA Test 1000 (cuda:0) in fp32" in said[0]
        assert engines.status() == {"foundation": Status(BY_TENSORRT)}
        del said[:]
        again = Engines(log=said.append, machine=replace(machine, build_plan=raising(AssertionError("built again"))))
        assert again(NETWORK).about == BY_TENSORRT and said == []

    def test_what_the_gpu_has_compiled_is_given_back_at_the_next_start(self, machine):
        given = []

        def run(tensorrt, plan, gpu, precision, metadata, kernels):
            given.append(kernels)
            return PretendedEngine("TensorRT")

        for _ in range(2):
            Engines(machine=replace(machine, run_plan=run))(NETWORK)
        assert given == [b"", b"kernels"]

    def test_without_tensorrt_the_cuda_provider(self, machine, said):
        there = replace(machine, find_tensorrt=raising(NoTensorRT("none")), has_cuda_provider=lambda: True)
        assert Engines(log=said.append, machine=there)(NETWORK).about == "ONNX Runtime on cuda:0"
        assert said == []

    def test_with_neither_the_cpu_and_one_line_on_what_to_install(self, machine, said):
        bare = replace(machine, find_tensorrt=raising(NoTensorRT("TensorRT is not installed: pip install this")))
        assert Engines(log=said.append, machine=bare)(NETWORK).about == ON_CPU
        assert said == [f"the networks would run faster on {GPU.about}: TensorRT is not installed: pip install this"]

    def test_a_cuda_provider_that_does_not_load_is_a_warning_and_a_reason(self, machine, said):
        def onnx(path, device):
            if device != "cpu":
                raise EngineError("it cannot load")
            return PretendedEngine(ON_CPU)

        broken = replace(machine, find_tensorrt=raising(NoTensorRT("none")), has_cuda_provider=lambda: True, onnx=onnx)
        engines = Engines(warn=said.append, machine=broken)
        assert engines(NETWORK).about == ON_CPU
        assert engines.status()["foundation"] == Status(ON_CPU, "it cannot load")
        assert said == [f"foundation.onnx: it cannot load; it runs by {ON_CPU} instead"]

    def test_a_driver_that_is_too_old_is_a_warning_and_a_reason(self, machine, said):
        engines = Engines(warn=said.append, machine=replace(machine, find_gpus=raising(DriverError("too old"))))
        assert engines(NETWORK).about == ON_CPU
        assert engines.status()["foundation"].degraded == "too old"
        assert said == ["too old; the networks run on the CPU"]

    @pytest.mark.parametrize("fails", ["build_plan", "run_plan"])
    @pytest.mark.parametrize("error", [EngineError("full"), ModelFileError("not taken")])
    def test_what_fails_on_the_gpu_runs_on_the_cpu_with_a_warning_and_a_reason(self, machine, said, fails, error):
        engines = Engines(warn=said.append, machine=replace(machine, **{fails: raising(error)}))
        engine = engines(NETWORK)
        assert engine.about == ON_CPU and np.array_equal(engine(x=ONE)["y"], ONE)
        assert engines.status()["foundation"] == Status(ON_CPU, str(error))
        assert len(said) == 1 and str(error) in said[0]

    def test_a_gpu_that_fails_later_is_left_in_the_same_call(self, machine, said):
        engines = Engines(warn=said.append, machine=machine)
        engine = engines(NETWORK)
        on_gpu = engine._engine
        on_gpu.fails = EngineError("full")
        assert np.array_equal(engine(x=ONE)["y"], ONE) and on_gpu.closed
        assert engines.status()["foundation"] == Status(ON_CPU, "full")
        assert said == [f"full; the network runs by {ON_CPU} instead"]

    def test_wrong_inputs_are_no_failure_of_the_gpu(self, machine):
        engine = Engines(machine=machine)(NETWORK)
        engine._engine.fails = ValueError("wrong")
        with pytest.raises(ValueError):
            engine(x=ONE)
        assert engine.about == BY_TENSORRT

    def test_a_kept_plan_that_is_no_longer_taken_is_built_again_and_that_is_said(self, machine, said):
        Engines(machine=machine)(NETWORK)
        taken = []

        def run(*arguments):
            taken.append(arguments)
            if len(taken) == 1:
                raise PlanRefused("made on another GPU")
            return PretendedEngine(BY_TENSORRT)

        engines = Engines(log=said.append, machine=replace(machine, run_plan=run))
        assert engines(NETWORK).about == BY_TENSORRT
        assert "made on another GPU" in said[0] and "is built again" in said[0] and "builds" in said[1]

    def test_a_new_network_file_has_a_new_plan(self, machine, said, tmp_path):
        path = tmp_path / "net.onnx"
        path.write_bytes(NETWORK.read_bytes())
        Engines(machine=machine)(path)
        path.write_bytes((NETWORK.parent / "bump.onnx").read_bytes())
        Engines(log=said.append, machine=machine)(path)
        assert "builds net.onnx" in said[0] and "thrown away" in said[-1]

    @pytest.mark.parametrize("content", [None, b"", b"no network"])
    def test_a_missing_or_corrupt_file_is_said_so_by_name(self, machine, tmp_path, content):
        path = tmp_path / "net.onnx"
        if content is not None:
            path.write_bytes(content)
        for real in (replace(machine, onnx=OnnxEngine), Machine(find_gpus=raising(NoGpu("none")))):
            with pytest.raises(ModelFileError, match=re.escape(str(path))):
                Engines(machine=real)(path)


class TestNotWaiting:
    def test_onnx_runtime_runs_until_the_plan_is_ready(self, machine, said):
        may_build = threading.Event()

        def build(*arguments):
            may_build.wait(30)
            return b"plan"

        engines = Engines(log=said.append, wait=False, machine=replace(machine, build_plan=build))
        engine = engines(NETWORK)
        before = engine._engine
        assert engine.about == ON_CPU and np.array_equal(engine(x=ONE)["y"], ONE)
        may_build.set()
        engines._builders[0].join(30)
        assert engine.about == BY_TENSORRT and np.array_equal(engine(x=ONE)["y"], 2 * ONE)
        assert before.closed and said[-1] == f"foundation runs by {BY_TENSORRT} now"

    def test_a_kept_plan_is_taken_at_once(self, machine):
        Engines(machine=machine)(NETWORK)
        assert Engines(wait=False, machine=machine)(NETWORK).about == BY_TENSORRT

    @pytest.mark.parametrize("error", [EngineError("no"), RuntimeError("unheard of")])
    def test_a_build_that_fails_is_a_warning_and_a_reason(self, machine, said, error):
        engines = Engines(warn=said.append, wait=False, machine=replace(machine, build_plan=raising(error)))
        engine = engines(NETWORK)
        engines._builders[0].join(30)
        assert engines.status()["foundation"] == Status(ON_CPU, str(error))
        assert np.array_equal(engine(x=ONE)["y"], ONE) and len(said) == 1

    def test_closing_stops_the_build(self, machine, said):
        building = threading.Event()

        def build(tensorrt, data, capability, progress):
            building.set()
            while progress(0.5):
                pass
            raise EngineError("stopped")

        engines = Engines(warn=said.append, wait=False, machine=replace(machine, build_plan=build))
        engine = engines(NETWORK)._engine
        assert building.wait(30)
        engines.close()
        assert engine.closed and said == []


class TestDemands:
    def test_the_cpu_is_taken_without_asking_for_a_gpu(self, machine):
        asked = replace(machine, find_gpus=raising(AssertionError("asked for GPUs")))
        assert Engines("cpu", machine=asked)(NETWORK).about == ON_CPU

    @pytest.mark.parametrize("device", ["cuda", "cuda:0"])
    def test_the_gpu_is_had_by_tensorrt_or_by_the_cuda_provider(self, machine, device):
        assert Engines(device, machine=machine)(NETWORK).about == BY_TENSORRT
        other = replace(machine, find_tensorrt=raising(NoTensorRT("none")), has_cuda_provider=lambda: True)
        assert Engines(device, machine=other)(NETWORK).about == "ONNX Runtime on cuda:0"

    @pytest.mark.parametrize("error", [NoGpu("no GPU"), DriverError("too old")])
    def test_without_a_gpu_or_driver_it_is_an_error(self, machine, error):
        with pytest.raises(EngineError, match=str(error)):
            Engines("cuda", machine=replace(machine, find_gpus=raising(error)))

    def test_a_gpu_that_is_not_there_is_an_error_that_names_those_that_are(self, machine):
        with pytest.raises(EngineError, match=re.escape(f"no GPU cuda:3: there is {GPU.about}")):
            Engines("cuda:3", machine=machine)

    def test_without_software_for_the_gpu_it_is_an_error_that_says_what_to_install(self, machine):
        bare = replace(machine, find_tensorrt=raising(NoTensorRT("pip install this")))
        with pytest.raises(EngineError, match="pip install this"):
            Engines("cuda", machine=bare)

    @pytest.mark.parametrize("fails", ["build_plan", "run_plan"])
    def test_a_plan_that_fails_is_an_error(self, machine, fails):
        with pytest.raises(EngineError, match="full"):
            Engines("cuda", machine=replace(machine, **{fails: raising(EngineError("full"))}))(NETWORK)

    @pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cpu:0", "CUDA"])
    def test_other_devices_are_refused(self, device):
        with pytest.raises(InputError, match="auto, cpu, cuda or cuda:N"):
            Engines(device)

    def test_other_precisions_are_refused(self):
        with pytest.raises(InputError, match="fp32, fp16"):
            Engines("cpu", "int8")


class TestStatus:
    def test_files_of_one_name_are_told_apart(self, machine, tmp_path):
        other = tmp_path / "foundation.onnx"
        other.write_bytes(NETWORK.read_bytes())
        engines = Engines("cpu", machine=machine)
        engines(NETWORK)
        assert set(engines.status()) == {"foundation"}
        engines(other)
        assert set(engines.status()) == {str(NETWORK), str(other)}


class TestDriver:
    def test_gpus_are_told_with_what_plans_depend_on(self):
        one, other = find_gpus(lambda name: CudaLibrary(["Orin", "RTX 4070"], 12060))
        assert (one.index, one.name, one.capability) == (0, "Orin", (8, 9))
        assert other.about == "RTX 4070 (cuda:1)"

    def test_no_driver(self):
        with pytest.raises(NoGpu, match="no NVIDIA driver"):
            find_gpus(raising(OSError("libcuda.so.1: cannot open shared object file")))

    @pytest.mark.parametrize("library", [CudaLibrary(()), CudaLibrary(cuInit=100)])
    def test_a_driver_without_gpu(self, library):
        with pytest.raises(NoGpu, match="CUDA_VISIBLE_DEVICES"):
            find_gpus(lambda name: library)

    @pytest.mark.parametrize(
        "library, says",
        [
            (CudaLibrary(cuda=11040), "too old: it knows CUDA 11.4, not 12.0"),
            (CudaLibrary(cuInit=35), "too old"),
            (CudaLibrary(cuInit=803), "restart the machine"),
            (CudaLibrary(cuInit=34), "LD_LIBRARY_PATH"),
            (CudaLibrary(cuDeviceGetCount=999), "CUDA error 999"),
        ],
    )
    def test_a_driver_that_is_too_old_or_broken(self, library, says):
        with pytest.raises(DriverError, match=says):
            find_gpus(lambda name: library)


class TestOnnxRuntime:
    def test_what_runs_is_told(self):
        engine = OnnxEngine(NETWORK)
        assert re.fullmatch(r"ONNX Runtime [\d.]+ on cpu, 2 threads", engine.about)
        engine.close()

    @pytest.mark.parametrize(
        "said, error, told",
        [
            ("CUDA failure 2: out of memory ; GPU=0", EngineError, "memory is full"),
            ("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer", EngineError, "is full"),
            ("CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR", EngineError, "failed on the GPU: CUDNN failure 4"),
            ("Got invalid dimensions for input: window", ValueError, "invalid dimensions"),
        ],
    )
    def test_failures_of_the_gpu_are_told_from_wrong_inputs(self, said, error, told):
        engine = OnnxEngine(NETWORK)
        engine._on_gpu, engine._session = True, SimpleNamespace(run=raising(RuntimeError(said)))
        with pytest.raises(error, match=told):
            engine(x=ONE)

    def test_a_cuda_provider_that_onnx_runtime_drops_is_an_error(self):
        onnxruntime = pytest.importorskip("onnxruntime")
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has a CUDA provider")
        with pytest.raises(EngineError, match="onnxruntime-gpu"):
            OnnxEngine(NETWORK, "cuda:0")
