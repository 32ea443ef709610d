"""`extreme3d engines bench`: what networks cost by an engine, and by ONNX Runtime on the CPU beside it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from extreme3d_ros.cli.engine_samples import Arrays, answer
from extreme3d_ros.cli.measures import WARM_UP, median_and_p95, resident_mb
from extreme3d_ros.engines import Engine, Engines, OnnxEngine
from extreme3d_ros.engines.cuda import Stream
from extreme3d_ros.engines.network import Network

Way = tuple[Engine, dict]


def measure(network: Network, made: Engines, gpu: int, inputs: Arrays, runs: int) -> list[dict]:
    """Of ONNX Runtime on the CPU, and of the engine where it is another: `about`; `median_ms` and `p95_ms` of a run;
    `first_ms` from the files, a plan among them, to the first answer; what it takes then, `memory_mb` of this process
    and `gpu_mb` of a GPU (without CUDA's own part; None where cuda-bindings is missing).

    Both run once in each round, so that what slows the machine slows both. gpu: index of the one that is used, if any.
    """
    shapes = network.open_shapes(OnnxEngine(network.path).shapes)
    ways = [_started(lambda: OnnxEngine(network.path), lambda engine: answer(network, engine, inputs))]
    first = made(network.path, shapes)  # may build a plan, which is not to be timed
    about = first.about
    first.close()
    if about != ways[0][0].about:
        with _gpu_memory(gpu) as used:
            ways.append(_started(lambda: made(network.path, shapes), lambda engine: engine(**inputs), used))
    return _timed(ways, inputs, runs)


def rows(results: dict[str, list[dict]]) -> Iterator[tuple[str, ...]]:
    """The table of what `measure` has given, by network."""
    keys = "median_ms", "p95_ms", "first_ms", "memory_mb", "gpu_mb"
    yield ("network", "engine", *(key.replace("_", " ") for key in keys))
    for name, ways in results.items():
        for way in ways:
            yield (name, way["about"], *("-" if way[key] is None else f"{way[key]:.2f}" for key in keys))


def _started(
    make: Callable[[], Engine], run: Callable[[Engine], Arrays], used: Callable[[], float | None] = lambda: None
) -> Way:
    """An engine after its first run, and what that took. used: MB of the GPU's memory."""
    memory, gpu, start = _resident(), used(), time.perf_counter()
    engine = make()
    run(engine)
    ms = (time.perf_counter() - start) * 1e3
    gpu_now = used()
    grown = None if gpu is None or gpu_now is None else round(gpu_now - gpu, 1)
    memory = round(_resident() - memory, 1)
    return engine, {"about": engine.about, "first_ms": round(ms, 1), "memory_mb": memory, "gpu_mb": grown}


def _timed(ways: list[Way], inputs: Arrays, runs: int) -> list[dict]:
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(WARM_UP + runs):
        for (engine, _), taken in zip(ways, times, strict=True):
            start = time.perf_counter()
            engine(**inputs)
            taken.append((time.perf_counter() - start) * 1e3)
    keys = "median_ms", "p95_ms"
    return [way | dict(zip(keys, median_and_p95(taken[WARM_UP:]))) for (_, way), taken in zip(ways, times, strict=True)]


def _resident() -> float:
    """This process's memory, MB, without what others have given back and the allocator keeps."""
    ctypes.CDLL(None).malloc_trim(0)
    return resident_mb()


@contextmanager
def _gpu_memory(index: int) -> Iterator[Callable[[], float | None]]:
    """Tells how many MB of a GPU's memory are in use, by whomever."""
    try:
        stream = Stream(index)
    except ImportError:  # ONNX Runtime uses GPUs without cuda-bindings
        yield lambda: None
        return
    with closing(stream), stream.current():
        yield lambda: -stream.free_memory() / 1e6
