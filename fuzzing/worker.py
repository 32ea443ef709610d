"""Cases run one after another in a process of limited memory, and watched from outside."""

from __future__ import annotations

import faulthandler
import gc
import json
import math
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from extreme3d_ros.errors import Extreme3DError
from fuzzing.readers import Reader

#: What a case may take: seconds of the processor, and MB above what the process has before it.
SECONDS, MEGABYTES = 20.0, 1024
#: MB that a case cannot have at all, so that no other process of the machine suffers.
_ALL_MEGABYTES = 3 * MEGABYTES
#: Seconds of the clock after which a case is taken to wait for something.
_PATIENCE = 20 * SECONDS
#: Cases that a process reads before a fresh one takes over.
_BATCH = 200
_LONGEST = 600


@dataclass(frozen=True)
class Outcome:
    """seed: of the case; fault: what is wrong with how it ended, empty where nothing is; accepted: whether the file was
    read; ms, mb: time of the processor, and memory above what the process had before."""

    seed: int
    fault: str
    accepted: bool
    ms: float
    mb: float


def outcomes(reader: Reader, first: int, count: float = math.inf, seconds: float = math.inf) -> Iterator[Outcome]:
    """Those of so many cases from a seed on, or until the time is over."""
    end, seed = time.monotonic() + seconds, first
    reader.made()  # made before the first fork
    while time.monotonic() < end and seed < first + count:
        for outcome in _batch(reader, seed, int(min(_BATCH, first + count - seed))):
            yield outcome
            seed = outcome.seed + 1
            if time.monotonic() >= end:
                break


def _batch(reader: Reader, first: int, count: int) -> Iterator[Outcome]:
    """Those of up to `count` cases; the last one may have ended the process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzzing_"))
    receive, send = os.pipe()
    gc.collect()
    gc.freeze()  # what is there already is no case's
    child = os.fork()
    if not child:
        os.close(receive)
        _run(reader, range(first, first + count), folder, send)
    os.close(send)
    try:
        yield from _received(receive, child, first, first + count)
    finally:
        os.close(receive)
        shutil.rmtree(folder, ignore_errors=True)


def _received(receive: int, child: int, seed: int, end: int) -> Iterator[Outcome]:
    """What the child says; where it falls silent or dies, that."""
    text, ended = b"", None
    try:
        while seed < end:
            if not select.select([receive], [], [], _PATIENCE)[0]:
                yield Outcome(seed, "never ends", False, _PATIENCE * 1e3, 0)
                return
            piece = os.read(receive, 1 << 16)
            if not piece:
                ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                name = signal.Signals(-ended).name if ended < 0 else f"status {ended}"
                yield Outcome(seed, f"ends the process by {name}", False, 0, 0)
                return
            text += piece
            *lines, text = text.split(b"\n")
            for line in lines:
                yield Outcome(**json.loads(line))
                seed += 1
    finally:
        if ended is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _run(reader: Reader, seeds: range, folder: Path, send: int) -> None:
    """The child's work; it never returns."""
    status = 1
    try:
        _confine()
        for seed in seeds:
            reader.case(seed, _fresh(folder))
            os.write(send, json.dumps(_outcome(reader, seed, folder).__dict__).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def _confine() -> None:
    """Silence, and so much memory more than there is in use."""
    silent = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(silent, handle)
    faulthandler.disable()  # it has a handle of its own
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = (_of_status("VmSize") + _ALL_MEGABYTES) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _outcome(reader: Reader, seed: int, folder: Path) -> Outcome:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process, whatever code is at work
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    before, start = _of_status("VmRSS"), _cpu()
    fault, accepted = "", False
    try:
        reader.read(folder)
        accepted = True
    except Extreme3DError as error:
        fault = _fault_of_line(reader, str(error), folder)
    except BaseException as error:  # whatever it is, it is a finding
        place = traceback.extract_tb(sys.exc_info()[2])[-1]
        fault = f"{type(error).__name__}: {str(error)[:160]} ({Path(place.filename).name}:{place.lineno})"
    signal.setitimer(signal.ITIMER_PROF, 0)
    ms, mb = (_cpu() - start) * 1e3, max(0, _of_status("VmHWM") - before)
    if mb > MEGABYTES and not reader.confined:
        fault = fault or f"takes {mb} MB"
    return Outcome(seed, fault, accepted and not fault, ms, mb)


def _fault_of_line(reader: Reader, text: str, folder: Path) -> str:
    """What is wrong with an error's line."""
    if "\n" in text or not text.isprintable():
        return f"says more than a line: {text[:200]!r}"
    if len(text.replace(str(folder), "")) > _LONGEST:
        return f"says {len(text)} letters: {text[:200]}"
    if re.search("MemoryError|[Uu]nable to allocate", text) and not reader.confined:
        return f"runs out of memory first: {text[:200]}"
    return ""


def _cpu() -> float:
    """Seconds of the processor that this process and its children took."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _of_status(key: str) -> int:
    """MB of this process."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) >> 10 if found else 0


def _fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
