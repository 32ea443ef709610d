"""What a soak's samples say: slopes, drifts and their verdicts, and that its video shows what it promises."""

import subprocess
import sys
import time

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.soak_figures import Course, Limits, Verdict, of_kills, of_latency, of_process, slope, warm_up
from benchmarks.soak_processes import Mortal, is_whole
from benchmarks.soak_source import PERIOD, Scene

#: Seconds of the run that CI makes, and between its samples.
SHORT, STEP = 120.0, 5.0


def course(leak=0.0, handle_leak=0.0, thread_leak=0.0, seconds=SHORT, noise=3.0):
    """A process that leaks so much a frame, 15 times a second; MB of memory."""
    rng, times = np.random.default_rng(0), np.arange(STEP, seconds + 1, STEP)
    frames = 15 * times
    memory = 300 + leak * frames + rng.normal(0, noise, len(times))
    return Course(times, memory, 20 + np.floor(handle_leak * frames), 15 + np.floor(thread_leak * frames))


def failed(course, seconds=SHORT):
    verdicts = of_process("node", course, seconds, Limits.of(seconds / 60))
    return [verdict.what.partition(": ")[2] for verdict in verdicts if not verdict.ok]


@settings(max_examples=50)
@given(rise=st.floats(-1e3, 1e3), base=st.floats(-1e3, 1e3), count=st.integers(2, 300))
def test_the_slope_of_a_line_is_found(rise, base, count):
    seconds = np.linspace(0, 100, count)
    assert slope(seconds, base + rise * seconds) == pytest.approx(rise, rel=1e-6, abs=1e-9)


def test_a_fifth_of_the_samples_may_be_anything():
    rng, seconds = np.random.default_rng(1), np.arange(200.0)
    values = 2 * seconds
    values[rng.choice(200, 40, replace=False)] = rng.normal(0, 1e6, 40)
    assert slope(seconds, values) == pytest.approx(2, rel=0.02)


def test_hours_of_samples_are_thinned_out_from_end_to_end():
    seconds = np.arange(20_000.0)
    assert slope(seconds, 0.5 * seconds) == pytest.approx(0.5)


def test_of_no_samples_no_verdict_is_good():
    nothing = Course(*(np.zeros(0) for _ in range(4)))
    assert all(not verdict.ok for verdict in of_process("node", nothing, SHORT, Limits.of(2)))
    assert not of_latency("mesh", np.zeros(0), np.zeros(0), SHORT, Limits.of(2))[0].ok


def test_who_leaks_nothing_passes():
    assert failed(course()) == []
    assert failed(course(seconds=7200), 7200) == []


@pytest.mark.parametrize("leak", [0.1, 1.0])
def test_a_short_run_shows_a_leak_of_memory_a_frame(leak):
    assert failed(course(leak=leak)) == ["memory"]


def test_a_short_run_shows_a_leak_of_a_handle_or_a_thread_a_frame():
    assert failed(course(handle_leak=1.0)) == ["handles more"]
    assert failed(course(thread_leak=1.0)) == ["threads more"]


def test_a_long_run_shows_a_leak_of_two_hundred_bytes_a_frame():
    kept = course(leak=200e-6, seconds=7200)  # 10.8 MB an hour
    assert failed(kept, 7200) == ["memory"]


class Started(Mortal):
    """A process of Python text that says "ready"."""

    def __init__(self, text):
        self.name = "started"
        command = [sys.executable, "-c", f"import threading, time\nprint('ready', flush=True)\n{text}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._process.stdout.readline()


def held_by(text, seconds=2.0):
    """What a process of Python text holds over the time, without judging it."""
    process, start, samples = Started(text), time.monotonic(), []
    try:
        while (now := time.monotonic() - start) < seconds:
            held = process.held()
            samples.append((now, held.memory, held.handles, held.threads))
            time.sleep(0.05)
    finally:
        process.kill()
    process._process.stdout.close()
    assert not process.alive
    return failed(Course(*np.array(samples).T), seconds)


def test_a_process_that_leaks_is_told_by_what_the_system_says_of_it():
    leaking = "kept = []\nwhile True:\n    time.sleep(0.002)\n    kept.append({})"
    # As many megabytes a frame at 15 Hz as the limit of so short a time needs.
    assert held_by(leaking.format("bytearray(b'x' * 2**20)")) == ["memory"]
    assert held_by(leaking.format("open('/dev/null')")) == ["handles more"]
    thread = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    assert "threads more" in held_by(leaking.format(thread))
    assert held_by("time.sleep(60)") == []


def test_what_a_process_takes_while_it_warms_up_is_no_leak():
    warm = course(seconds=7200)
    start = warm.seconds < warm_up(7200)
    warm.memory[start] -= np.linspace(200, 0, start.sum())
    assert failed(warm, 7200) == []


def test_latency_is_compared_from_the_first_quarter_to_the_last():
    arrivals = np.arange(0, 7200, 0.1)
    ages = np.where(arrivals < 1800, 100.0, np.where(arrivals >= 5400, 120.0, 1e4))
    (verdict,) = of_latency("mesh", arrivals, ages, 7200, Limits.of(120))
    assert verdict.value == pytest.approx(20) and not verdict.ok
    (faster,) = of_latency("mesh", arrivals, ages[::-1], 7200, Limits.of(120))
    assert faster.ok


def test_one_node_that_comes_late_or_never_is_told():
    limits = Limits.of(120)
    assert of_kills([2.0, 2.9], "mesh", limits)[0].ok
    assert not of_kills([2.0, 3.1], "mesh", limits)[0].ok
    assert not of_kills([2.0, float("inf")], "mesh", Limits.of(2))[0].ok
    assert "1 of 2 within 3 s" in str(of_kills([2.0, 3.1], "mesh", limits)[0])


def test_a_mesh_that_was_cut_off_is_not_whole(tmp_path):
    data, path = trimesh.creation.box().export(file_type="ply"), tmp_path / "face_1_000000000_every.ply"
    for length in (len(data), len(data) - 1, 40, 0):
        path.write_bytes(data[:length])
        assert is_whole(path) == (length == len(data))


def test_a_verdict_is_good_up_to_its_limit():
    assert Verdict("", 1.0, 1.0, "").ok and not Verdict("", 1.1, 1.0, "").ok
    assert str(Verdict("", 1.1, 1.0, "")).startswith("FAIL")


def test_the_video_comes_round():
    scene = Scene()
    whole = 7 * PERIOD  # sway and noise have periods of their own
    first, again, between = (scene.at(time).astype(int) for time in (1.0, 1.0 + 2 * whole, 1.0 + PERIOD))
    assert first.shape == (480, 640, 3)
    assert np.abs(first - again).max() <= 1 and np.abs(first - between).max() > 20


def test_the_video_shows_faces_a_hand_and_nobody(detection):
    scene = Scene()
    assert [len(detection(scene.at(time))) for time in (2.0, 13.0, 24.5)] == [1, 0, 2]
    before, behind = (scene.at(time)[200:, 280:360].astype(int) for time in (2.0, 8.0))
    assert np.abs(behind - [120, 150, 205]).sum(-1).mean() < np.abs(before - [120, 150, 205]).sum(-1).mean() / 3
