"""The README's main job: source, both nodes and watcher as processes over DDS."""

import os
import signal
import subprocess
import sys
import time

import cv2
import pytest
import trimesh

pytest.importorskip("rclpy", reason="needs ROS 2: pip install 'extreme3d_ros[ros]'")

import ros_helpers  # noqa: E402, F401  (its DDS domain)

RUN = [sys.executable, "-m", "extreme3d_ros", "run"]


def children_of(pid):
    """Processes whose parent is pid."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_the_main_job(tmp_path):
    arguments = ["--seconds", "3", "--out", str(tmp_path)]
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "ERROR" not in done.stderr
    table = (tmp_path / "table.txt").read_text()
    rates = {line.split()[0]: float(line.split()[1]) for line in table.splitlines() if line.startswith("/face/")}
    assert len(rates) == 9 and min(rates.values()) > 0
    (ply,) = tmp_path.glob("*.ply")
    assert len(trimesh.load(ply, process=False).faces) > 50_000
    assert cv2.imread(str(tmp_path / "figure.png")).shape == (450, 2400, 3)


def test_sigterm_ends_all_processes():
    process = subprocess.Popen(RUN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "first mesh" in process.stdout.readline()
    children = children_of(process.pid)
    assert len(children) >= 3
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in errors
    time.sleep(0.5)
    assert not any(os.path.exists(f"/proc/{child}") for child in children)


def test_an_unreadable_source_is_one_line_and_a_status(tmp_path):
    missing = tmp_path / "missing.png"
    done = subprocess.run([*RUN, "--source", str(missing)], capture_output=True, text=True, timeout=60)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith("extreme3d: ") and str(missing) in line
