"""The table of `python -m benchmarks`: on what it was made, a row for each peer, and its place in a document."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2

from benchmarks.all_rows import Row
from extreme3d_ros.errors import InputError
from extreme3d_ros.output.atomic import write_bytes

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
_PACKAGES = ("numpy", "scipy", "numba", "onnxruntime", "mediapipe", "rclpy")


@dataclass(frozen=True)
class Outcome:
    """What came of a benchmark. failure: why there are no rows."""

    command: str
    rows: list[Row] = field(default_factory=list)
    failure: str | None = None


def document(command: str, outcomes: list[Outcome], seconds: float) -> str:
    """Markdown: machine, versions, date, and the table; command: what was run, in `seconds`."""
    lines = [
        f"`{command}`, {date.today().isoformat()}, commit {_commit()}, {seconds / 60:.0f} minutes, on {_machine()}; "
        f"{_versions()}. Less is better throughout; ratio: ours over the peer's in the same run; ms are the "
        "processor's.",
        "",
        "| what | ours | peer | ratio | command |",
        "|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        lines += _rows(outcome)
    return "\n".join(lines) + "\n"


def _rows(outcome: Outcome) -> list[str]:
    """The command stands in the first row of its own."""
    command = f"`{outcome.command}`"
    if outcome.failure:
        return [f"| **failed**: {outcome.failure.replace('|', '/')} | | | | {command} |"]
    commands = [command] + [""] * (len(outcome.rows) - 1)
    return [
        f"| {row.what} | {_figure(row.ours)} | {row.peer}: {_figure(row.theirs)} | {_ratio(row)} | {command} |"
        for row, command in zip(outcome.rows, commands)
    ]


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(row: Row) -> str:
    ratio = row.ours / row.theirs if row.theirs else math.nan
    if not math.isfinite(ratio):
        return "–"
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def checked(path: Path) -> Path:
    """A document that has the markers. Raises InputError where it can't be read or hasn't."""
    try:
        text = path.read_text()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not re.search(f"{BEGIN}.*{END}", text, re.DOTALL):
        raise InputError(f"{path} has no place for the table: add the lines {BEGIN} and {END}")
    return path


def place(text: str, path: Path) -> None:
    """Puts the table between the markers of a document. Raises InputError where that can't be done."""
    old = checked(path).read_text()
    new = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}{END}", old, flags=re.DOTALL)
    write_bytes(path, new.encode())


def _machine() -> str:
    """Processor, cores that this process may use, memory, system."""
    cpu = dict(line.split("\t: ", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if "\t: " in line)
    name = re.sub(r"\s+", " ", cpu.get("model name", platform.machine()))
    name += " with AMX" if "amx_tile" in cpu.get("flags", "") else ""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{len(os.sched_getaffinity(0))} cores of {name}, {memory:.0f} GiB, {system}"


def _versions() -> str:
    found = [f"Python {platform.python_version()}", f"OpenCV {cv2.__version__}"]
    return ", ".join(found + [f"{name} {_version(name)}" for name in _PACKAGES])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The revision that was measured."""
    try:
        found, changed = (_git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "-uno"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + (" with changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()
