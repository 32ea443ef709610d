"""The fuzzer: it sees what is bad, its cases come again, and the readers of files stand a few hundred of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from extreme3d_ros.errors import InputError
from fuzzing import worker
from fuzzing.readers import READERS, Reader
from fuzzing.sources import write
from fuzzing.worker import outcomes

REPOSITORY = Path(__file__).parents[1]
#: Cases of each reader that take no second apiece.
QUICK = ["deep3d", "ict folder", "face model", "unpickling", "gallery", "camera", "networks"]


class Unruly(InputError):
    """Says what it was told, line ends and all."""

    __str__ = Exception.__str__


def outcome_of(read):
    """How a single case ends whose reader is this."""
    (outcome,) = outcomes(Reader("any", lambda: [{"file": b"data"}], read), 0, count=1)
    return outcome


def raising(error):
    def read(folder):
        raise error

    return read


class TestFindings:
    def test_what_is_read_and_what_is_refused_in_a_line_is_none(self):
        read, refused = outcome_of(lambda folder: None), outcome_of(raising(InputError("no file of mine")))
        assert (read.fault, read.accepted) == ("", True) and (refused.fault, refused.accepted) == ("", False)

    @pytest.mark.parametrize(
        "read, word",
        [
            (raising(KeyError("mean")), "KeyError"),
            (raising(SystemExit(0)), "SystemExit"),
            (raising(Unruly("two\nlines")), "more than a line"),
            (raising(Unruly("\x1b[2J")), "more than a line"),
            (raising(InputError("x" * 5000)), "5000 letters"),
            (raising(InputError("broken: MemoryError")), "memory"),
            (lambda folder: os.abort(), "SIGABRT"),
            (lambda folder: os._exit(0), "status 0"),
            (lambda folder: np.ones(8 << 30, np.uint8), "MemoryError"),
        ],
    )
    def test_everything_else_is_one(self, read, word):
        outcome = outcome_of(read)
        assert word in outcome.fault and not outcome.accepted

    def test_a_case_that_never_ends_is_one(self, monkeypatch):
        monkeypatch.setattr(worker, "SECONDS", 0.2)
        assert "SIGPROF" in outcome_of(lambda folder: sum(iter(int, 1))).fault
        monkeypatch.setattr(worker, "_PATIENCE", 0.2)
        assert "never ends" in outcome_of(lambda folder: time.sleep(60)).fault

    def test_memory_is_counted_from_case_to_case(self):
        sizes = iter([200, 0])
        reader = Reader("any", lambda: [{"file": b"data"}], lambda folder: np.ones(next(sizes) << 20, np.uint8))
        large, small = [outcome.mb for outcome in outcomes(reader, 0, count=2)]
        assert 190 < large < 260 and small < 20

    def test_the_cases_after_a_dead_one_are_run_too(self):
        def read(folder):
            if (folder / "file").read_bytes() != b"data":
                os.abort()

        run = list(outcomes(Reader("any", lambda: [{"file": b"data"}], read), 0, count=12))
        assert [outcome.seed for outcome in run] == list(range(12)) and sum(bool(o.fault) for o in run) > 3


@pytest.mark.parametrize("name", QUICK)
def test_a_seed_makes_the_same_case_again(name, tmp_path):
    found = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        READERS[name].case(7, folder)
        found.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert found[0] == found[1] and found[0] not in READERS[name].made()


@pytest.mark.parametrize("name", [*QUICK, "ict npz", "image"])
def test_sources_are_sound(name, tmp_path):
    for number, files in enumerate(READERS[name].made()):
        if name == "unpickling" or number == 0:
            write(files, tmp_path / str(number))
            READERS[name].read(tmp_path / str(number))


def test_readers_read_or_refuse_in_a_line(tmp_path):
    """In a process of its own, as the README's command; the others take longer and are left to that."""
    command = [sys.executable, "-m", "fuzzing", "--cases", "40", "--seed", "500", "--out", str(tmp_path)]
    command += [word for name in QUICK for word in ("--reader", name)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = done.stdout.splitlines()[1:]
    assert len(rows) == len(QUICK)
    for name, row in zip(QUICK, rows):
        cases, findings, refused, accepted = map(int, row.removeprefix(name).split()[:4])
        assert (cases, findings) == (40, 0) and refused > 3 and accepted > 0
