"""The table of `extreme3d engines list`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from extreme3d_ros.engines import EngineError
from extreme3d_ros.engines.driver import Gpu
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.engines.plan_file import BrokenPlan, read_plan
from extreme3d_ros.engines.plans import FORMAT, Plans
from extreme3d_ros.engines.tensorrt_module import TensorRT

_NAMES = {"tensorrt": "", "tensorrt_rtx": "RTX "}


def rows(plans: Plans, machine: Machine) -> Iterator[tuple[str, ...]]:
    """Each plan's network, GPU, TensorRT, precision, MB, when it was built, state, and file."""
    gpus, tensorrt = _present(machine)
    for path in plans.paths():
        try:
            header, content = read_plan(path)
        except FileNotFoundError:  # thrown away by another process
            continue
        except BrokenPlan as broken:
            yield "-", "-", "-", "-", "-", "-", f"broken: {broken}", str(path)
            continue
        key = header["key"]
        yield (
            Path(header["network"]).stem,
            key["gpu"],
            f"{_NAMES[key['module']]}{key['version']}",
            key["precision"],
            f"{len(content) / 1e6:.1f}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(header["built"])),
            _state(header, gpus, tensorrt),
            str(path),
        )


def _present(machine: Machine) -> tuple[tuple[Gpu, ...], TensorRT | None]:
    """What plans are for on this machine. The driver is asked first: without one TensorRT may end the process."""
    try:
        return machine.find_gpus(), machine.find_tensorrt()
    except EngineError:
        return (), None


def _state(header: Mapping, gpus: tuple[Gpu, ...], tensorrt: TensorRT | None) -> str:
    """Whether this machine would use a plan today."""
    key, network = header["key"], Path(header["network"])
    if not network.exists():
        return f"stale: {network} is gone"
    if digest(network) != key["onnx"]:
        return f"stale: {network} is another now"
    if key["format"] != FORMAT:
        return "stale: another version of this package made it"
    if tensorrt is None:
        return "not for this machine: it cannot run plans"
    if (key["module"], key["version"]) != (tensorrt.name, tensorrt.version):
        return f"stale: this is {tensorrt.about}"
    if not any(key["gpu"] == gpu.name and key["capability"] == "{}.{}".format(*gpu.capability) for gpu in gpus):
        return "not for this machine: its GPU is another"
    return "good"
