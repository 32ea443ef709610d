"""`extreme3d engines`: TensorRT plans built and listed, engines checked and timed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from extreme3d_ros.cli.engine_bench import measure
from extreme3d_ros.cli.engine_bench import rows as bench_rows
from extreme3d_ros.cli.engine_plans import rows as plan_rows
from extreme3d_ros.cli.engine_samples import Arrays, answer, sample
from extreme3d_ros.cli.measures import machine
from extreme3d_ros.cli.options import engines_of
from extreme3d_ros.cli.tables import print_table
from extreme3d_ros.engines import Engine, Engines, OnnxEngine
from extreme3d_ros.engines.catalogue import named, of_profile
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.network import Network
from extreme3d_ros.engines.plans import Plans
from extreme3d_ros.engines.tensorrt_module import NoTensorRT
from extreme3d_ros.errors import InputError, ModelFileError
from extreme3d_ros.folders import plans_folder

#: Largest and mean difference, by output.
Differences = dict[str, tuple[float, float]]


def engines(arguments) -> int:
    """Runs the command."""
    return {"build": _build, "list": _list, "check": _check, "bench": _bench}[arguments.action](arguments)


def _build(arguments) -> int:
    """`engines build [NETWORK...]`."""
    if not arguments.device.startswith("cuda"):
        raise InputError(f"--device {arguments.device}: plans are built for an NVIDIA GPU, cuda or cuda:N")
    networks = _networks(arguments)
    with closing(engines_of(arguments)) as made:
        try:
            Machine().find_tensorrt()
        except NoTensorRT as error:  # then the GPU would do without plans
            raise InputError(str(error)) from error
        for network in networks:
            print(f"{network.name}: ready, {_engine(made, network, OnnxEngine(network.path)).about}")
    return 0


def _list(arguments) -> int:
    """`engines list`."""
    folder = plans_folder()
    found = list(plan_rows(Plans(folder), Machine()))
    if not found:
        print(f"no plans in {folder}: `extreme3d engines build` makes them, and so do nodes and commands on a GPU")
        return 0
    print_table([("network", "GPU", "TensorRT", "precision", "MB", "built", "state", "file"), *found])
    return 0


def _check(arguments) -> int:
    """`engines check [NETWORK...]`: 4 where an output is off by more than its limits, or runs by a stopgap."""
    networks, wrong = _networks(arguments), []
    with closing(engines_of(arguments)) as made:
        for network in networks:
            reference = OnnxEngine(network.path)
            engine, inputs = _engine(made, network, reference), sample(network, arguments.image)
            found = differences(engine, inputs, answer(network, reference, inputs))
            print(f"{network.name}: {engine.about}, shown {'noise' if network.noise else 'a face'}")
            print_table(list(_difference_rows(network, found)))
            wrong += [f"{network.name}'s {name} is off by more than its limits" for name in beyond(network, found)]
        wrong += [f"{name} does not run as it should: {s.degraded}" for name, s in made.status().items() if s.degraded]
    for line in wrong:
        print(f"extreme3d: {line}", file=sys.stderr)
    return ModelFileError.exit_status if wrong else 0


def _bench(arguments) -> int:
    """`engines bench [NETWORK...]`."""
    networks, runs = _networks(arguments), max(arguments.runs, 1)
    gpu = int(arguments.device.partition(":")[2] or 0)
    with closing(engines_of(arguments)) as made:
        results = {each.name: measure(each, made, gpu, sample(each, arguments.image), runs) for each in networks}
    if arguments.json:
        print(json.dumps({"machine": machine(), "runs": runs, "networks": results}, indent=1))
    else:
        print(f"{machine()}; {runs} runs")
        print_table(list(bench_rows(results)))
    return 0


def differences(engine: Engine, inputs: Arrays, wanted: Arrays) -> Differences:
    """An engine's answer against the one that is wanted, in the outputs' units.

    An output that it lacks or gives in another shape is infinitely far off.
    """
    given = engine(**inputs)
    return {name: _difference(given.get(name), array) for name, array in wanted.items()}


def beyond(network: Network, found: Differences) -> list[str]:
    """The outputs that are off by more than the network's limits. Raises ModelFileError where one has none."""
    if without := found.keys() - network.limits.keys():
        raise ModelFileError(f"{network.name}'s output {min(without)} has no limits: {network.remedy}")
    # Not `>`: what isn't a number is within no limits.
    return [name for name, off in found.items() if not all(np.array(off) <= network.limits[name])]


def _networks(arguments) -> list[Network]:
    """Those that are named, else the profile's; their files are there."""
    if arguments.networks and arguments.profile:
        raise InputError("name networks or a --profile, not both")
    networks = named(arguments.networks) if arguments.networks else of_profile(arguments.profile or "default")
    for network in networks:
        network.require_file()
    return networks


def _engine(made: Engines, network: Network, reference: OnnxEngine) -> Engine:
    return made(network.path, network.open_shapes(reference.shapes))


def _difference(given: np.ndarray | None, wanted: np.ndarray) -> tuple[float, float]:
    if given is None or given.shape != wanted.shape:
        return np.inf, np.inf
    off = np.abs(given.astype(np.float64) - wanted)
    return float(off.max()), float(off.mean())


def _difference_rows(network: Network, found: Differences) -> Iterator[tuple[str, ...]]:
    wrong = beyond(network, found)
    yield "  output", "largest", "of", "mean", "of", ""
    for name, (largest, mean) in found.items():
        most, usual = network.limits[name]
        numbers = (f"{number:.1e}" for number in (largest, most, mean, usual))
        yield (f"  {name}", *numbers, "BEYOND" if name in wrong else "good")
