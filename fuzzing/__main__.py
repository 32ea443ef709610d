"""`python -m fuzzing`: broken and hostile files for every reader of files, and a table of what came of them.

A reader must read a file or refuse it in one line (Extreme3DError), within SECONDS and MEGABYTES (worker.py). Whatever
else happens is a finding: its files are left in FOLDER/READER-SEED; `--reader READER --seed SEED --cases 1` makes them
again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from extreme3d_ros.cli.tables import print_table
from fuzzing.readers import READERS, Reader
from fuzzing.worker import Outcome, outcomes


def main() -> int:
    parser = argparse.ArgumentParser("fuzzing", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="for all readers together; default: 5")
    parser.add_argument("--seed", type=int, default=0, help="the first case's")
    parser.add_argument("--cases", type=int, help="of each reader, however long they take")
    parser.add_argument("--reader", choices=list(READERS), action="append", help="one or more; default: all")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("out/fuzzing"))
    arguments = parser.parse_args()
    readers = [READERS[name] for name in arguments.reader or READERS]
    limits = {"count": arguments.cases} if arguments.cases else {"seconds": 60 * arguments.minutes / len(readers)}
    rows = [("reader", "cases", "findings", "refused in a line", "accepted", "slowest ms", "most MB")]
    faults = 0
    for reader in readers:
        row, found = _row(reader, outcomes(reader, arguments.seed, **limits), arguments.out)
        rows.append(row)
        faults += found
    print_table(rows)
    return 1 if faults else 0


def _row(reader: Reader, run, out: Path) -> tuple[tuple[str, ...], int]:
    """A line of the table, and how many findings; each kind of them is shown once, with its first case."""
    count, accepted, slowest, most = 0, 0, 0.0, 0.0
    kinds: Counter[str] = Counter()
    for outcome in run:
        count, accepted = count + 1, accepted + outcome.accepted
        slowest, most = max(slowest, outcome.ms), max(most, outcome.mb)
        if outcome.fault:
            kinds[_kind(outcome)] += 1
            if kinds[_kind(outcome)] == 1:
                _keep(reader, outcome, out)
    found = sum(kinds.values())
    numbers = (count, found, count - found - accepted, accepted)
    return (reader.name, *map(str, numbers), f"{slowest:.0f}", f"{most:.0f}"), found


def _kind(outcome: Outcome) -> str:
    return "".join(letter for letter in outcome.fault if not letter.isdigit())[:30]


def _keep(reader: Reader, outcome: Outcome, out: Path) -> None:
    folder = out / f"{reader.name.replace(' ', '_')}-{outcome.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    reader.case(outcome.seed, folder)
    print(f"{reader.name}, seed {outcome.seed}: {outcome.fault}; {folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
