"""face_node's parameters device, precision and wait_for_engines, on a machine whose GPU is pretended."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("onnx", reason="plans are made from rewritten ONNX files")

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from engine_fakes import PretendedEngine, pretended_machine, raising  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402

from extreme3d_ros.engines import EngineError, choose  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.nodes.face_node import FaceNode  # noqa: E402
from extreme3d_ros.stages.bump_network import DEFAULT_NETWORK  # noqa: E402

CPU, GPU = "ONNX Runtime on cpu", "TensorRT 10.13.0 on NVIDIA Test 1000 (cuda:0)"
ONE = np.ones((2, 3), np.float32)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """build: makes plans; may be changed. made: the GPU's engines."""
    self = SimpleNamespace(build=lambda *arguments: b"plan", made=[])

    def run_plan(tensorrt, plan, gpu, precision, metadata, kernels):
        self.made.append(PretendedEngine(f"{tensorrt.about} on {gpu.about}, {precision}", 2))
        return self.made[-1]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pretended = pretended_machine(build_plan=lambda *arguments: self.build(*arguments), run_plan=run_plan)
    monkeypatch.setattr(choose, "Machine", lambda: pretended)
    return self


class Road:
    """A fast path of one network."""

    def __init__(self, profile, model, engines):
        self.engine = engines(DEFAULT_NETWORK)

    def close(self):
        pass


@pytest.fixture
def node(machine, make_bench):
    """Makes the node with parameters."""
    return lambda **parameters: make_bench(**parameters).add(FaceNode(Road))


def configured(node):
    return node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def active(node):
    return configured(node) and node.trigger_activate() == TransitionCallbackReturn.SUCCESS


def health(node):
    """Level, line and the entry of the network."""
    level, line, values = node.health()
    return level, line, values["engine of bump"]


def wait_for(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_gpu_runs_the_networks_in_the_precision_that_is_asked_for(node):
    face = node(precision="fp16", wait_for_engines="true")
    assert active(face)
    assert health(face) == (DiagnosticStatus.OK, "idle: nobody subscribes", f"{GPU}, fp16")


def test_the_device_can_be_the_cpu(node, machine):
    face = node(device="cpu")
    assert active(face) and health(face)[2] == CPU and not machine.made


def test_the_cpu_works_until_the_plan_is_there(node, machine):
    go_on = threading.Event()
    machine.build = lambda *arguments: go_on.wait(10) and b"plan"
    face = node()
    assert active(face)
    assert health(face) == (DiagnosticStatus.OK, "idle: nobody subscribes", CPU)
    go_on.set()
    assert wait_for(lambda: health(face)[2] == f"{GPU}, fp32")


def test_waiting_for_engines_the_node_stays_unconfigured_until_the_plan_is_there(node, machine):
    phases = []
    face = node(wait_for_engines="true")
    machine.build = lambda *arguments: phases.append((face._phase, face.settings.fixed)) or b"plan"
    assert configured(face)
    assert phases == [("unconfigured", False)]


def test_a_plan_that_cannot_be_built_is_a_warning_with_its_reason(node, machine):
    machine.build = raising(EngineError("no room to build"))
    face = node()
    assert active(face)
    assert wait_for(lambda: health(face)[0] == DiagnosticStatus.WARN)
    assert health(face)[1:] == (f"bump runs by {CPU}: no room to build", CPU)


def test_a_gpu_that_fails_at_work_is_a_warning_with_its_reason(node, machine):
    face = node(wait_for_engines="true")
    assert active(face)
    machine.made[0].fails = EngineError("the GPU is gone")
    assert np.array_equal(face.loaded.live.engine(x=ONE)["y"], ONE), "the CPU answers instead"
    assert health(face) == (DiagnosticStatus.WARN, f"bump runs by {CPU}: the GPU is gone", CPU)


def test_cleaning_up_stops_building(node, machine):
    started, stopped = threading.Event(), threading.Event()

    def build(tensorrt, data, capability, progress):
        started.set()
        if wait_for(lambda: not progress(0.5)):
            stopped.set()
        raise EngineError("stopped")

    machine.build = build
    face = node()
    assert configured(face) and started.wait(10)
    face.trigger_cleanup()
    assert stopped.is_set()


def test_cleaning_up_closes_the_engines(node, machine):
    face = node(wait_for_engines="true")
    assert configured(face)
    face.trigger_cleanup()
    assert [engine.closed for engine in machine.made] == [True]
    assert configured(face) and len(machine.made) == 2, "and it can be configured again"


def test_what_cannot_be_loaded_whole_leaves_nothing_of_it(node, machine):
    def half(profile, model, engines):
        Road(profile, model, engines)
        raise InputError("the rest is missing")

    face = node(wait_for_engines="true")
    before = {publisher.topic for publisher in face.publishers}
    face._make = half
    assert not configured(face) and face._trouble == "the rest is missing"
    assert [engine.closed for engine in machine.made] == [True]
    assert {publisher.topic for publisher in face.publishers} == before


def test_a_device_that_is_not_there_leaves_the_node_unconfigured(node):
    face = node(device="cuda:1")
    assert not configured(face)
    assert "there is no GPU cuda:1: there is NVIDIA Test 1000 (cuda:0)" in face._trouble


@pytest.mark.parametrize("name, value", [("device", "gpu"), ("device", "cuda:x"), ("precision", "int8")])
def test_nonsense_is_refused_at_the_start(node, name, value):
    with pytest.raises(InputError, match=f"parameter {name} must be one of"):
        node(**{name: value})
