"""Which engine runs a network: the fastest that is correct on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from extreme3d_ros.engines.device import find_device
from extreme3d_ros.engines.engine import Engine, EngineError
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.plans import Plans
from extreme3d_ros.engines.switching import SwitchingEngine
from extreme3d_ros.engines.tensorrt_build import PRECISIONS, Shapes
from extreme3d_ros.engines.tensorrt_route import TensorRTRoute
from extreme3d_ros.errors import InputError, ModelFileError, reason
from extreme3d_ros.folders import plans_folder


@dataclass(frozen=True)
class Status:
    """about: what runs a network; degraded: why that isn't what this machine should run it with, empty where it is."""

    about: str
    degraded: str = ""


class Engines:
    """Makes networks' engines, all for one device and in one precision.

    `auto`: TensorRT where there are an NVIDIA GPU and it, else ONNX Runtime: on the GPU where it can, else on the CPU.
    Whatever fails on the way ends there too, with a warning and a reason in `status`. `cpu` and `cuda[:N]` are demands:
    an error where they cannot be met. On the CPU it is OpenVINO where that is worth it (`fewer_bits.py`). fp16 is for
    TensorRT; ONNX Runtime runs the file as it is.
    """

    def __init__(
        self,
        device: str = "auto",
        precision: str = "fp32",
        log: Callable[[str], object] = lambda line: None,
        wait: bool = True,
        warn: Callable[[str], object] | None = None,
        machine: Machine | None = None,
    ):
        """log, warn: are told, in lines, what happens and what goes wrong (warn: by default log). wait: False has ONNX
        Runtime run a network on the CPU until its plan is built, in the background, and takes that then.

        Raises InputError where device or precision is none that there is, EngineError where the device cannot be had.
        """
        if precision not in PRECISIONS:
            raise InputError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
        self._log, self._warn, self._wait = log, warn or log, wait
        self._machine, self._demanded = machine or Machine(), device != "auto"
        self._engines: list[tuple[Path, Engine]] = []
        self._builders: list[Thread] = []
        self._stop = Event()
        self._device = find_device(device, self._machine, log, self._warn)
        self._route = self._route_in(precision)

    def __call__(self, path: Path, shapes: Shapes | None = None) -> Engine:
        """A network's engine. shapes: of the inputs whose sizes its file leaves open; only TensorRT needs them.

        Raises ModelFileError where the file is missing or broken; EngineError where a demanded device cannot run it.
        """
        path = Path(path)
        if self._route is None:
            engine = self._by_onnx(path)
        else:
            engine = self._by_tensorrt(self._route, path, shapes or {})
        self._engines.append((path, engine))
        return engine

    def status(self) -> dict[str, Status]:
        """What runs each network, by the name of its file without suffix (of its path where two are alike)."""
        files = Counter(path.stem for path in {path for path, _ in self._engines})
        found = {}
        for path, engine in self._engines:
            name = path.stem if files[path.stem] == 1 else str(path)
            found[name] = Status(engine.about, getattr(engine, "degraded", "") or self._device.degraded)
        return found

    def close(self) -> None:
        """Stops building and closes all engines."""
        self._stop.set()
        for builder in self._builders:
            builder.join()
        for _, engine in self._engines:
            engine.close()
        self._engines.clear()

    def _route_in(self, precision: str) -> TensorRTRoute | None:
        """None where there is no TensorRT."""
        device = self._device
        if device.gpu and device.tensorrt:
            plans = Plans(plans_folder(), self._log)
            return TensorRTRoute(
                self._machine, device.tensorrt, device.gpu, plans, precision, self._log, self._stop.is_set
            )
        if device.gpu and precision != "fp32":
            self._log(f"{precision} is for TensorRT: ONNX Runtime runs the networks as they are")
        return None

    def _by_onnx(self, path: Path) -> Engine:
        if self._device.gpu is None:
            return self._on_cpu(path)
        try:
            engine = self._machine.onnx(path, self._device.name)
        except EngineError as error:
            if self._demanded:
                raise
            return self._instead(self._on_cpu(path), path, error)
        return engine if self._demanded else self._guarded(engine, path)

    def _by_tensorrt(self, route: TensorRTRoute, path: Path, shapes: Shapes) -> Engine:
        """By TensorRT; with `auto` by the CPU where that fails, and until a plan is built."""
        if self._demanded:
            return route.engine(path, shapes)
        try:
            if self._wait:
                return self._guarded(route.engine(path, shapes), path)
            kept = route.kept(path, shapes)
            if kept:
                return self._guarded(kept, path)
        except ModelFileError as error:  # of an unreadable file ONNX Runtime says the same, and that counts
            return self._instead(self._on_cpu(path), path, error)
        engine = self._guarded(self._on_cpu(path), path)
        builder = Thread(target=self._build, args=(route, engine, path, shapes), name=f"build {path.stem}", daemon=True)
        self._builders.append(builder)
        builder.start()
        return engine

    def _build(self, route: TensorRTRoute, engine: SwitchingEngine, path: Path, shapes: Shapes) -> None:
        """Has an engine taken over by TensorRT's; runs in the background."""
        try:
            built = route.engine(path, shapes)
        except Exception as error:  # nobody else would hear of it
            if not self._stop.is_set():
                engine.degrade(reason(error))
            return
        engine.switch(built)
        self._log(f"{path.stem} runs by {built.about} now")

    def _on_cpu(self, path: Path) -> Engine:
        try:
            engine = self._machine.fewer_bits(path)
        except ModelFileError as error:
            # Where the file is at fault, ONNX Runtime says so.
            return self._instead(self._machine.onnx(path, "cpu"), path, error)
        return self._machine.onnx(path, "cpu") if engine is None else engine

    def _guarded(self, engine: Engine, path: Path, degraded: str = "") -> SwitchingEngine:
        return SwitchingEngine(engine, lambda: self._on_cpu(path), self._warn, degraded)

    def _instead(self, engine: Engine, path: Path, error: Exception) -> SwitchingEngine:
        """An engine that is taken because another cannot be had."""
        self._warn(f"{path.name}: {error}; it runs by {engine.about} instead")
        return self._guarded(engine, path, str(error))
