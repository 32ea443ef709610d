"""The cache of plans: whole or not there, for one use only, built by one process at a time."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extreme3d_ros.engines import EngineError
from extreme3d_ros.engines.plan_file import BrokenPlan, read_plan, write_plan
from extreme3d_ros.engines.plans import PlanKey, Plans
from extreme3d_ros.folders import plans_folder

KEY = PlanKey("tensorrt", "10.13.0", "NVIDIA Test 1000", "8.9", "0" * 64, "{}", "fp32")
NETWORK = Path("/somewhere/net.onnx")


@pytest.fixture
def lines():
    return []


@pytest.fixture
def plans(tmp_path, lines):
    return Plans(tmp_path / "plans", lines.append)


def build(plans, content=b"plan", key=KEY, network=NETWORK):
    with plans.alone(network):
        return plans.keep(network, key, {"face_model": "m"}, content)


class TestKeeping:
    def test_a_plan_is_found_again(self, plans, lines):
        assert plans.find(NETWORK, KEY) is None
        first = build(plans)
        again = plans.find(NETWORK, KEY)
        assert again == first and again.content == b"plan" and again.header["metadata"] == {"face_model": "m"}
        assert lines == []

    @pytest.mark.parametrize(
        "field", ["module", "version", "gpu", "capability", "onnx", "shapes", "precision", "format"]
    )
    def test_whatever_a_plan_depends_on_makes_it_another(self, plans, field):
        build(plans)
        other = replace(KEY, **{field: "another"})
        assert plans.find(NETWORK, other) is None

    @pytest.mark.parametrize("field", ["version", "onnx", "format"])
    def test_a_stale_plan_goes_when_its_successor_is_there_and_that_is_said(self, plans, lines, field):
        old = build(plans)
        plans.keep_kernels(old, b"kernels")
        new = build(plans, b"new", replace(KEY, **{field: "newer"}))
        assert plans.paths() == [new.path]
        assert not old.path.with_suffix(".kernels").exists()
        assert any(line.startswith(f"thrown away: {old.path}") for line in lines)

    def test_plans_for_other_gpus_precisions_and_files_stay(self, plans):
        build(plans)
        build(plans, key=replace(KEY, gpu="another"))
        build(plans, key=replace(KEY, precision="fp16"))
        build(plans, key=replace(KEY, onnx="1" * 64), network=Path("/elsewhere/net.onnx"))
        assert len(plans.paths()) == 4

    def test_a_build_that_fails_leaves_nothing_and_the_next_may_build(self, plans):
        with pytest.raises(EngineError, match="no"), plans.alone(NETWORK):
            raise EngineError("no")
        assert plans.paths() == []
        assert build(plans).content == b"plan"

    def test_where_nothing_can_be_written_plans_are_used_and_that_is_said(self, tmp_path, lines):
        (tmp_path / "file").write_text("")
        plans = Plans(tmp_path / "file" / "plans", lines.append)
        assert build(plans).content == b"plan"
        assert any("plans are not kept" in line for line in lines)

    def test_they_lie_in_the_users_cache(self, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert plans_folder() == Path("/cache/extreme3d_ros/plans")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert plans_folder() == Path("~/.cache/extreme3d_ros/plans").expanduser()


class TestBroken:
    @given(content=st.binary(max_size=200), at=st.integers(0, 10_000), bit=st.integers(0, 7))
    def test_any_flipped_bit_is_found(self, tmp_path_factory, content, at, bit):
        path = tmp_path_factory.getbasetemp() / "flipped.plan"
        write_plan(path, {"key": 1}, content)
        data = bytearray(path.read_bytes())
        data[at % len(data)] ^= 1 << bit
        path.write_bytes(data)
        with pytest.raises(BrokenPlan):
            read_plan(path)

    @given(st.integers(0, 10_000))
    def test_any_cut_is_found(self, tmp_path_factory, left):
        path = tmp_path_factory.getbasetemp() / "cut.plan"
        write_plan(path, {"key": 1}, b"content" * 10)
        data = path.read_bytes()
        path.write_bytes(data[: left % len(data)])
        with pytest.raises(BrokenPlan):
            read_plan(path)

    @pytest.mark.parametrize(
        "harm", [lambda data: data[:-3], lambda data: data[:50] + b"x" + data[51:], lambda data: b""]
    )
    def test_a_broken_plan_is_built_again_and_that_is_said(self, plans, lines, harm):
        path = build(plans).path
        path.write_bytes(harm(path.read_bytes()))
        assert plans.find(NETWORK, KEY) is None
        assert "it is built again" in lines[0] and str(path) in lines[0]
        build(plans, b"again")
        assert plans.find(NETWORK, KEY).content == b"again"

    def test_a_plan_renamed_to_anothers_place_is_not_taken(self, plans):
        one, other = build(plans), build(plans, b"other", replace(KEY, gpu="another"))
        os.replace(other.path, one.path)
        assert plans.find(NETWORK, KEY) is None


class TestKernels:
    def test_they_are_kept_beside_their_plan(self, plans):
        plan = build(plans)
        assert plans.kernels(plan) == b""
        plans.keep_kernels(plan, b"kernels")
        assert plans.kernels(plan) == b"kernels"

    def test_those_of_a_plan_built_since_are_not_taken(self, plans):
        old = build(plans)
        plans.keep_kernels(old, b"kernels")
        old.path.unlink()
        assert plans.kernels(build(plans)) == b""


_BUILDER = """
import sys, time
from pathlib import Path
from extreme3d_ros.engines.plans import PlanKey, Plans
from test_plans import KEY, NETWORK

plans = Plans(Path(sys.argv[1]))
with plans.alone(NETWORK):
    print("building", flush=True)
    time.sleep(float(sys.argv[2]))
    plans.keep(NETWORK, KEY, {}, b"by another process")
"""


@pytest.fixture
def builder(tmp_path):
    """Starts a process that builds the plan and takes so long for it."""
    started = []

    def start(seconds):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        command = [sys.executable, "-c", _BUILDER, str(tmp_path / "plans"), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout.readline() == "building\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class TestProcesses:
    def test_one_builds_and_the_other_waits_and_loads(self, plans, lines, builder):
        builder(1)
        with plans.alone(NETWORK):
            assert plans.find(NETWORK, KEY).content == b"by another process"
        assert lines == ["another process builds the plan of net.onnx: waiting for it"]

    def test_one_killed_in_the_middle_of_a_build_leaves_no_half_file_and_no_lock(self, plans, builder, tmp_path):
        process = builder(60)
        left = tmp_path / "plans" / ".extreme3d-abc.plan"
        left.write_bytes(b"half")  # as of one killed while it wrote, long ago
        os.utime(left, (0, 0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert plans.paths() == []
        assert build(plans).content == b"plan"
        assert {path.suffix for path in (tmp_path / "plans").iterdir()} == {".plan", ".lock"}

    def test_waiting_can_be_stopped(self, plans, builder):
        builder(60)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(EngineError, match="stopped waiting"), plans.alone(NETWORK, stop.is_set):
            pass
