"""`python -m benchmarks`: one table of all, whatever fails; and every benchmark can be started."""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mediapipe.python.solutions")
pytest.importorskip("rclpy")
from rclpy.serialization import deserialize_message  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from benchmarks import __main__ as every  # noqa: E402
from benchmarks import peers  # noqa: E402
from benchmarks.all_rows import BENCHMARKS, Benchmark, Row  # noqa: E402
from benchmarks.all_table import BEGIN, END, Outcome, checked, document, place  # noqa: E402
from benchmarks.clocks import milliseconds, summary  # noqa: E402
from extreme3d_ros.errors import InputError  # noqa: E402
from extreme3d_ros.messages.marker import MarkerWriter  # noqa: E402
from extreme3d_ros.records import FaceMesh  # noqa: E402

FOLDER = Path(every.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__main__")
CANNED = Outcome("python -m benchmarks.x --count 2", [Row("a, mm", 1.0, "them", 4.0), Row("b, ms", 1234.5, "it", 0.0)])


def lines_of(*outcomes):
    return document("python -m benchmarks --quick", list(outcomes), 120.0).splitlines()


def python(code):
    return [sys.executable, "-c", code]


def test_the_table_has_a_row_for_each_peer_with_the_ratio_of_ours_to_it():
    assert lines_of(CANNED)[2:] == [
        "| what | ours | peer | ratio | command |",
        "|---|---|---|---|---|",
        "| a, mm | 1 | them: 4 | 0.25 | `python -m benchmarks.x --count 2` |",
        "| b, ms | 1,234 | it: 0 | – |  |",
    ]


def test_the_table_says_when_on_what_and_how_it_was_made():
    said = lines_of(CANNED)[0]
    assert said.startswith("`python -m benchmarks --quick`, 20") and "2 minutes" in said
    assert re.search(r"commit (\w{7,}|unknown)", said) and re.search(r"\d+ cores of .+ GiB", said)
    versions = ["Python", "OpenCV", "numpy", "scipy", "numba", "onnxruntime", "mediapipe", "rclpy"]
    assert all(re.search(rf"{name} (\d+\.|not)", said) for name in versions)


def test_a_failure_has_its_row_and_its_reason():
    row = lines_of(Outcome("python -m benchmarks.y", failure="status 1: a | b"))[-1]
    assert row == "| **failed**: status 1: a / b | | | | `python -m benchmarks.y` |"


def test_the_table_replaces_what_is_between_the_markers_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for text in ("one\n", "two \\1\n"):
        place(text, page)
        assert page.read_text() == f"before\n{BEGIN}\n{text}{END}\nafter\n"


@pytest.mark.parametrize("text", ["", f"{END} {BEGIN}"])
def test_a_page_without_markers_is_refused_before_anything_runs(tmp_path, text, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.setattr(every, "outcome", lambda *_: pytest.fail("a benchmark was run"))
    with pytest.raises(SystemExit, match="2"):
        every.main(["--into", str(page)])
    assert str(page) in capsys.readouterr().err
    with pytest.raises(InputError, match="missing.md"):
        checked(tmp_path / "missing.md")


def test_a_failing_benchmark_leaves_the_others_their_rows_and_the_status_is_1(tmp_path, monkeypatch, capsys):
    def output(command):
        if "benchmarks.peers" in command:
            raise RuntimeError("status 1: no camera")
        return json.dumps({"meshes": []} if "benchmarks.zippering" in command else {"solvers": [], "x": 1})

    rows = {"blending": Benchmark(lambda made: iter([Row("z", made["x"], "them", 2.0)]))}
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    monkeypatch.setattr(every, "output", output)
    monkeypatch.setattr(every, "BENCHMARKS", BENCHMARKS | rows)
    assert every.main(["--only", "peers", "blending", "zippering", "foundation", "--into", str(page)]) == 1
    printed = capsys.readouterr().out
    assert "**failed**: status 1: no camera" in printed and "| z | 1 | them: 2 | 0.50 |" in printed
    assert "it measured nothing" in printed and "its JSON is not what the table asks for" in printed
    assert page.read_text() == f"{BEGIN}\n{printed}{END}"
    assert every.main(["--only", "blending"]) == 0


def test_a_commands_last_words_are_its_reason():
    assert every.output(python("print('{}')")) == "{}\n"
    with pytest.raises(RuntimeError, match="^status 3: the end$"):
        every.output(python("import sys; print('noise\\nthe end', file=sys.stderr); sys.exit(3)"))
    with pytest.raises(RuntimeError, match="^status 4: silent$"):
        every.output(python("import sys; sys.exit(4)"))


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path):
    told = tmp_path / "pid"
    with pytest.raises(RuntimeError, match="took longer"):
        every.output(["sh", "-c", f"sleep 99 & echo $! > {told}; wait"], patience=0.5)
    pid = int(told.read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.02)
    os.kill(pid, 9)
    pytest.fail("the child still runs")


@pytest.mark.parametrize("name", MODULES)
def test_every_benchmark_is_imported(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_of_the_table_knows_its_options(name, monkeypatch):
    benchmark, parse, parsed = BENCHMARKS[name], argparse.ArgumentParser.parse_args, []

    class Parsed(Exception):
        pass

    def only_parsed(parser):
        for options in {benchmark.whole, benchmark.quick} - {None}:
            parsed.append(parse(parser, [*options.split(), "--json"]))
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parsed)
    with pytest.raises(Parsed):
        importlib.import_module(f"benchmarks.{name}").main()
    assert all(arguments.json for arguments in parsed)


def test_calls_take_turns_and_the_first_turn_is_not_counted():
    said = []
    found = milliseconds({name: lambda name=name: said.append(name) for name in "ab"}, 3)
    assert said == list("abababab") and list(found) == ["a", "b"]
    assert all(0 <= ms < 1000 for ms in found.values())


def test_a_summary_is_of_median_and_95th_percentile():
    assert summary(range(101), 1) == {"median": 50.0, "p95": 95.0}
    assert all(np.isnan(value) for value in summary([]).values())


def test_the_marker_of_objects_is_the_same_message():
    """Else their times could not be compared. Bytes that only fill up to a border may differ."""
    rng = np.random.default_rng(0)
    vertices, faces = rng.normal(size=(6, 3)).astype(np.float32), rng.integers(0, 6, (5, 3)).astype(np.int32)
    mesh = FaceMesh(vertices, faces, np.zeros((6, 3), np.uint8), np.ones(6, bool))
    header = Header(frame_id="camera")
    made = [deserialize_message(bytes(make(mesh, header)), Marker) for make in (peers.of_points, MarkerWriter())]
    assert made[0] == made[1] and len(made[0].points) == len(made[0].colors) == 15


def test_its_help_names_them_all():
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, cwd=FOLDER.parent
    )
    assert told.returncode == 0 and all(name in told.stdout for name in BENCHMARKS)


def test_matrix_products_are_on_one_thread():
    """OpenBLAS asks when numpy is imported, and never again: `benchmarks` must be there before."""
    code = "import benchmarks, os, sys; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    free = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    assert subprocess.check_output(python(code), text=True, cwd=FOLDER.parent, env=free) == "False 1\n"
