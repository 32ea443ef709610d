"""The device that networks run on, and TensorRT where it runs them there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from extreme3d_ros.engines.driver import DriverError, Gpu, NoGpu
from extreme3d_ros.engines.engine import EngineError
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.tensorrt_module import NoTensorRT, TensorRT
from extreme3d_ros.errors import InputError


@dataclass(frozen=True)
class Device:
    """name: `cpu` or `cuda:N`; gpu: None is the CPU; tensorrt: None is ONNX Runtime or the like; degraded: why it isn't
    what this machine should run networks on, empty where it is."""

    name: str = "cpu"
    gpu: Gpu | None = None
    tensorrt: TensorRT | None = None
    degraded: str = ""


def find_device(wanted: str, machine: Machine, log: Callable[[str], object], warn: Callable[[str], object]) -> Device:
    """wanted: `auto`, `cpu`, `cuda` or `cuda:N`. Raises InputError where it is none of these, EngineError where a
    demanded GPU cannot be had."""
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d{1,3}))?", wanted)
    if not match:
        raise InputError(f"device {wanted!r} is none of auto, cpu, cuda or cuda:N")
    if wanted == "cpu":
        return Device()
    demanded = wanted != "auto"
    try:
        return _on(_chosen(machine.find_gpus(), int(match[1] or 0)), demanded, machine, log)
    except (NoGpu, DriverError) as error:
        if demanded:
            raise
        if isinstance(error, NoGpu):
            return Device()
        warn(f"{error}; the networks run on the CPU")
        return Device(degraded=str(error))


def _on(gpu: Gpu, demanded: bool, machine: Machine, log: Callable[[str], object]) -> Device:
    name = f"cuda:{gpu.index}"
    try:
        return Device(name, gpu, machine.find_tensorrt())
    except NoTensorRT as missing:
        if machine.has_cuda_provider():
            return Device(name, gpu)
        if demanded:
            raise EngineError(f"nothing here runs networks on {gpu.about}: {missing}") from None
        log(f"the networks would run faster on {gpu.about}: {missing}")
        return Device()


def _chosen(gpus: tuple[Gpu, ...], index: int) -> Gpu:
    for gpu in gpus:
        if gpu.index == index:
            return gpu
    raise NoGpu(f"there is no GPU cuda:{index}: there is {', '.join(gpu.about for gpu in gpus)}")
