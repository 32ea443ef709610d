"""TensorRT: which one, how plans are built, how they run. Building is tried with TensorRT for RTX itself (no GPU is
needed for that), running with stand-ins, and with a GPU where there is one."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from engine_fakes import GPU, CudaDriver, fake_tensorrt

from extreme3d_ros.engines import EngineError, OnnxEngine
from extreme3d_ros.engines.catalogue import catalogue
from extreme3d_ros.engines.cuda import Stream
from extreme3d_ros.engines.driver import DriverError, NoGpu, find_gpus
from extreme3d_ros.engines.tensorrt_build import build_plan, fitted
from extreme3d_ros.engines.tensorrt_engine import PlanRefused, TensorRTEngine
from extreme3d_ros.engines.tensorrt_module import Listener, NoTensorRT, find_tensorrt
from extreme3d_ros.errors import ModelFileError

DATA = Path(__file__).parent.parent / "extreme3d_ros" / "data"
NETWORKS = "foundation", "bump"


class TestWhichTensorRT:
    @staticmethod
    def loading(**modules):
        def load(name):
            found = modules.get(name.replace(".", "_"))
            if found is None:
                raise ModuleNotFoundError(name)
            if isinstance(found, Exception):
                raise found
            return SimpleNamespace(__version__=found)

        return load

    def test_the_one_that_times_its_kernels_is_preferred(self):
        load = self.loading(tensorrt="10.3.0", tensorrt_rtx="1.4.0.76", cuda_bindings_driver="13")
        assert find_tensorrt(load).about == "TensorRT 10.3.0"

    @pytest.mark.parametrize("broken", ["8.6.1", "10.2.9", "12.0.0", RuntimeError("no libnvinfer.so.10")])
    def test_one_too_old_too_new_or_broken_is_passed_over(self, broken):
        load = self.loading(tensorrt=broken, tensorrt_rtx="1.7.1.116", cuda_bindings_driver="13")
        assert find_tensorrt(load).about == "TensorRT for RTX 1.7.1.116"

    @pytest.mark.parametrize(
        "modules, says",
        [
            ({}, "TensorRT is not installed: pip install tensorrt-rtx"),
            ({"tensorrt": "8.6.1"}, "tensorrt 8.6.1 is none of 10.3 to 12.0"),
            ({"tensorrt_rtx": "1.3.0"}, "tensorrt_rtx 1.3.0 is none of 1.4 to 2.0"),
            ({"tensorrt": OSError("no libnvinfer.so.10")}, "tensorrt does not load (no libnvinfer.so.10)"),
            ({"tensorrt_rtx": "1.7.1"}, "pip install cuda-bindings"),
        ],
    )
    def test_without_one_it_says_why_and_what_to_install(self, modules, says):
        with pytest.raises(NoTensorRT, match=re.escape(says)):
            find_tensorrt(self.loading(**modules))


class TestRunning:
    @staticmethod
    def engine(driver, plan=b"double"):
        return TensorRTEngine(fake_tensorrt(), plan, GPU, metadata={"a": "b"}, stream=Stream(0, driver))

    def test_a_plan_is_called_with_arrays_and_gives_arrays(self):
        engine = self.engine(CudaDriver())
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        first = engine(x=x)["y"]
        assert np.array_equal(first, 2 * x)
        assert np.array_equal(engine(x=x[::-1, ::-1])["y"], 2 * x[::-1, ::-1])
        assert np.array_equal(first, 2 * x), "the first result is the caller's to keep"
        assert engine.shapes == {"x": (2, 3)} and engine.outputs == ("y",) and engine.metadata == {"a": "b"}
        assert engine.about == "TensorRT 10.13.0 on NVIDIA Test 1000 (cuda:0), fp32"

    def test_closing_frees_everything_and_twice_is_no_error(self):
        driver = CudaDriver()
        engine = self.engine(driver)
        engine.warm_up()
        engine.close()
        engine.close()
        assert driver.held == {} and driver.current == 0

    @pytest.mark.parametrize(
        "inputs, says",
        [
            ({"x": np.zeros((3, 2), np.float32)}, "(2, 3) of float32, not (3, 2) of float32"),
            ({"x": np.zeros((2, 3))}, "not (2, 3) of float64"),
            ({"z": np.zeros((2, 3), np.float32)}, "the network takes x, not z"),
            ({}, "the network takes x, not nothing"),
        ],
    )
    def test_wrong_inputs_are_refused(self, inputs, says):
        with pytest.raises(ValueError, match=re.escape(says)):
            self.engine(CudaDriver())(**inputs)

    def test_the_plan_of_another_gpu_is_refused_with_what_tensorrt_says(self):
        driver = CudaDriver()
        with pytest.raises(PlanRefused, match="made on another GPU"):
            self.engine(driver, b"other")
        assert driver.held == {}

    def test_a_gpu_without_room_is_told_apart_and_nothing_stays(self):
        driver = CudaDriver(room=30)  # enough for x, not for y
        with pytest.raises(EngineError, match="memory is full"):
            self.engine(driver)
        assert driver.held == {}

    def test_a_full_gpu_while_running_is_told_apart(self):
        with pytest.raises(EngineError, match="memory is full"):
            self.engine(CudaDriver())(x=np.full((2, 3), np.nan, np.float32))

    def test_a_gpu_that_fails_while_running_is_said_so_and_can_be_closed(self):
        driver = CudaDriver()
        engine = self.engine(driver)
        driver.fails["cuStreamSynchronize"] = driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
        with pytest.raises(EngineError, match="cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS"):
            engine(x=np.zeros((2, 3), np.float32))
        engine.close()
        assert driver.held == {}

    def test_free_memory_is_told(self):
        driver = CudaDriver(room=1000)
        stream = Stream(0, driver)
        with stream.current():
            stream.device_memory(100)
            assert stream.free_memory() == 900

    def test_a_driver_too_old_for_tensorrt_is_said_so(self):
        listener = Listener(fake_tensorrt().module)
        listener.logger.log(1, "Cuda Runtime (cudaError 35: CUDA driver version is insufficient for CUDA runtime)")

        def none(logger):
            raise TypeError("factory function returned nullptr")

        with pytest.raises(EngineError, match="the NVIDIA driver is too old for this TensorRT"):
            listener.made(none, "TensorRT cannot run here")


@pytest.fixture(scope="module")
def rtx():
    pytest.importorskip("onnx", reason="plans are made from rewritten ONNX files")
    pytest.importorskip("tensorrt_rtx", reason="no TensorRT for RTX: pip install tensorrt-rtx")
    pytest.importorskip("cuda.bindings.driver", reason="no cuda-bindings: pip install cuda-bindings")
    found = find_tensorrt()
    if found.name != "tensorrt_rtx":
        pytest.skip("the other TensorRT builds on a GPU only")
    return found


class TestBuilding:
    @pytest.mark.parametrize("network", NETWORKS)
    def test_the_shipped_networks_have_much_smaller_plans_in_half(self, rtx, network):
        path = DATA / f"{network}.onnx"
        data = path.read_bytes()
        whole, half = (build_plan(rtx, fitted(data, precision, {})) for precision in ("fp32", "fp16"))
        assert 0.4 < len(half) / len(whole) < 0.7

    def test_a_plan_is_for_the_gpu_that_is_asked_for(self, rtx):
        data = fitted((DATA / "foundation.onnx").read_bytes(), "fp32", {})
        plans = {build_plan(rtx, data, capability=capability) for capability in ((8, 6), (8, 9), (12, 0))}
        assert len(plans) == 3

    def test_progress_is_told_and_can_stop_it(self, rtx):
        data, told = fitted((DATA / "foundation.onnx").read_bytes(), "fp32", {}), []
        build_plan(rtx, data, progress=lambda done: told.append(done) or True)
        assert told == sorted(told) and 0.5 < told[-1] <= 1
        with pytest.raises(EngineError, match="TensorRT has built no plan"):
            build_plan(rtx, data, progress=lambda done: False)

    def test_open_sizes_must_be_settled(self, rtx):
        assert build_plan(rtx, fitted(network("Relu"), "fp32", {"x": (2, 3)}))
        with pytest.raises(EngineError, match="TensorRT has built no plan: .*profile"):
            build_plan(rtx, fitted(network("Relu"), "fp32", {}))

    def test_a_network_that_calculates_with_bytes_is_refused(self, rtx):
        data = fitted(network("Add", ["x", "one"], np.uint8), "fp32", {"x": (2, 3)})
        with pytest.raises(ModelFileError, match="does not take the network: "):
            build_plan(rtx, data)

    def test_what_is_no_network_is_refused_with_the_parsers_words(self, rtx):
        with pytest.raises(ModelFileError, match="does not take the network: .*parse the ONNX model"):
            build_plan(rtx, b"no network at all")

    def test_bytes_that_do_not_enter_through_a_cast_are_why_files_are_fitted(self, rtx):
        with pytest.raises(ModelFileError, match="(?i)uint8"):
            build_plan(rtx, (DATA / "bump.onnx").read_bytes())

    def test_a_corrupt_plan_is_refused_or_the_missing_driver_named(self, rtx):
        listener = Listener(rtx.module)
        runtime = rtx.module.Runtime(listener.logger)
        with pytest.raises(EngineError, match="does not take the plan: |too old"):
            plan = runtime.deserialize_cuda_engine(b"no plan at all" * 100)
            listener.require(plan, "TensorRT does not take the plan", PlanRefused)


class TestOnAGpu:
    @pytest.fixture()
    def gpu(self):
        try:
            return find_gpus()[0]
        except (NoGpu, DriverError) as reason:
            pytest.skip(f"plans run on a GPU only: {reason}")

    @pytest.mark.parametrize("precision, most", [("fp32", 5e-3), ("fp16", 2e-2)])
    @pytest.mark.parametrize("network", NETWORKS)
    def test_tensorrt_gives_what_onnx_runtime_gives(self, gpu, network, precision, most):
        try:
            tensorrt = find_tensorrt()
        except NoTensorRT as reason:
            pytest.skip(str(reason))
        path = DATA / f"{network}.onnx"
        plan = build_plan(tensorrt, fitted(path.read_bytes(), precision, {}), capability=gpu.capability)
        engine, reference = TensorRTEngine(tensorrt, plan, gpu, precision), OnnxEngine(path)
        assert engine.shapes == dict(catalogue()[network].shapes) and set(engine.outputs) == set(reference.outputs)
        random = np.random.default_rng(0)
        inputs = {name: random.normal(0, 0.05, shape).astype(np.float32) for name, shape in engine.shapes.items()}
        inputs["window"] = random.integers(0, 255, engine.shapes["window"], np.uint8)
        want, got = reference(**inputs), engine(**inputs)
        for name, values in want.items():
            assert np.abs(got[name] - values).max() <= most * max(np.abs(values).max(), 1e-3), name
        engine.close()


def network(operation, inputs=("x",), kind=np.float32) -> bytes:
    """y = operation(inputs): x of the shape (N, 3) and of a kind of number, the byte `one`."""
    from onnx import helper, numpy_helper

    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    x, y = (helper.make_tensor_value_info(name, number, ["N", 3]) for name in "xy")
    one = numpy_helper.from_array(np.uint8([1]), "one")
    graph = helper.make_graph([helper.make_node(operation, inputs, ["y"])], "open", [x], [y], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
