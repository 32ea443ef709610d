"""All benchmarks that have a peer, one after the other, and one table of what came of them.

    .venv/bin/python -m benchmarks [--quick] [--only NAME ...] [--into README.md]

Each runs in a process of its own; what fails is named in the table, and the exit status is 1. With --into the table is
put between a document's markers. Films are rendered into out/films, and found there the next time. Benchmarks of nodes
and processes, of several people and of photographs that you bring, have no peer and are called by themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.all_rows import BENCHMARKS, Row
from benchmarks.all_table import ROOT, Outcome, checked, document, place
from extreme3d_ros.errors import InputError

#: Seconds that a benchmark may take at most.
_PATIENCE = 1200.0


def outcome(name: str, options: str, rows_of: Callable[[dict], Iterable[Row]]) -> Outcome:
    """Runs a benchmark; whatever is wrong with it is in the outcome."""
    command = f"python -m benchmarks.{name} {options}".strip()
    try:
        made = json.loads(output([sys.executable, "-m", f"benchmarks.{name}", *options.split(), "--json"]))
        rows = list(rows_of(made))
    except RuntimeError as error:
        return Outcome(command, failure=str(error))
    except (ValueError, LookupError, TypeError) as error:
        return Outcome(command, failure=f"its JSON is not what the table asks for: {error!r}")
    return Outcome(command, rows) if rows else Outcome(command, failure="it measured nothing")


def output(command: list[str], patience: float = _PATIENCE) -> str:
    """What a command prints. Raises RuntimeError, in one line, where it fails or takes too long; leaves no process."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        printed, said = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"took longer than {patience:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise RuntimeError(
            f"status {process.returncode}: {(said.split() and said.strip().splitlines()[-1]) or 'silent'}"
        )
    return printed


def main(given: list[str] | None = None) -> int:
    """Runs them and prints the table; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer heads, no films: 5 minutes on two cores, else 30")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--into", type=Path, metavar="FILE", help="a document with markers, whose table this becomes")
    arguments = parser.parse_args(given)
    try:
        target = checked(arguments.into) if arguments.into else None
    except InputError as error:
        parser.error(str(error))
    start, found = time.monotonic(), []
    for name in arguments.only or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        options = benchmark.quick if arguments.quick else benchmark.whole
        if options is None:
            print(f"        {name} has no part in a quick run", file=sys.stderr)
            continue
        found.append(outcome(name, options, benchmark.rows))
        print(f"{time.monotonic() - start:5.0f} s  {name}  {found[-1].failure or ''}", file=sys.stderr, flush=True)
    asked = " ".join(["python -m benchmarks", *(given if given is not None else sys.argv[1:])])
    text = document(asked, found, time.monotonic() - start)
    print(text, end="")
    if target:
        place(text, target)
    return int(any(each.failure for each in found))


if __name__ == "__main__":
    sys.exit(main())
