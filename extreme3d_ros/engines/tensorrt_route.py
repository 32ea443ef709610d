"""From an ONNX file to a TensorRT engine: the kept plan where there is one, else a new one."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from extreme3d_ros.engines.driver import Gpu
from extreme3d_ros.engines.machine import Machine
from extreme3d_ros.engines.onnx import read_network
from extreme3d_ros.engines.onnx_graph import read_model
from extreme3d_ros.engines.plans import Plan, PlanKey, Plans
from extreme3d_ros.engines.tensorrt_build import Shapes, fitted
from extreme3d_ros.engines.tensorrt_engine import PlanRefused, TensorRTEngine
from extreme3d_ros.engines.tensorrt_module import TensorRT

#: How long a build takes: TensorRT times its kernels on the GPU, TensorRT for RTX does not.
_USUALLY = {"tensorrt_rtx": "some seconds", "tensorrt": "a minute, on a Jetson several"}
_EVERY = 10.0


@dataclass(frozen=True)
class TensorRTRoute:
    """How one GPU runs networks by TensorRT. stopped: whether to give up building."""

    machine: Machine
    tensorrt: TensorRT
    gpu: Gpu
    plans: Plans
    precision: str
    log: Callable[[str], object]
    stopped: Callable[[], bool]

    def engine(self, path: Path, shapes: Shapes) -> TensorRTEngine:
        """A network's engine, after its first run; its plan is built if need be.

        Raises EngineError, ModelFileError.
        """
        kept = self.kept(path, shapes)
        return kept or self._run(self._plan(path, shapes))

    def kept(self, path: Path, shapes: Shapes) -> TensorRTEngine | None:
        """The engine of the kept plan; None where there is none that runs. Raises EngineError, ModelFileError."""
        plan = self.plans.find(path, self._key(read_network(path), shapes))
        if plan is None:
            return None
        try:
            return self._run(plan)
        except PlanRefused as error:
            self.log(f"{error}: the plan {plan.path} is built again")
            self.plans.remove(plan.path)
            return None

    def _plan(self, path: Path, shapes: Shapes) -> Plan:
        """A network's plan, built if need be."""
        data = read_network(path)
        key = self._key(data, shapes)
        with self.plans.alone(path, self.stopped):
            found = self.plans.find(path, key)  # another process may have built it meanwhile
            return found or self.plans.keep(path, key, _metadata(data), self._built(path, data, shapes))

    def _built(self, path: Path, data: bytes, shapes: Shapes) -> bytes:
        expected = _USUALLY[self.tensorrt.name]
        self.log(f"{self.tensorrt.about} builds {path.name} for {self.gpu.about} in {self.precision}: {expected}")
        start, wanted = time.monotonic(), fitted(data, self.precision, shapes)
        plan = self.machine.build_plan(self.tensorrt, wanted, self.gpu.capability, self._progress(path))
        self.log(f"{path.name} is built: {time.monotonic() - start:.1f} s, {len(plan) / 1e6:.1f} MB")
        return plan

    def _key(self, data: bytes, shapes: Shapes) -> PlanKey:
        """What the plan of a file's bytes depends on, on this machine."""
        return PlanKey(
            module=self.tensorrt.name,
            version=self.tensorrt.version,
            gpu=self.gpu.name,
            capability="{}.{}".format(*self.gpu.capability),
            onnx=hashlib.sha256(data).hexdigest(),
            shapes=json.dumps({name: list(shape) for name, shape in shapes.items()}, sort_keys=True),
            precision=self.precision,
        )

    def _run(self, plan: Plan) -> TensorRTEngine:
        kernels = self.plans.kernels(plan)
        engine = self.machine.run_plan(
            self.tensorrt, plan.content, self.gpu, self.precision, plan.header["metadata"], kernels
        )
        try:
            engine.warm_up()
            compiled = engine.new_kernels()
        except BaseException:
            engine.close()
            raise
        if compiled:
            self.plans.keep_kernels(plan, compiled)
        return engine

    def _progress(self, path: Path) -> Callable[[float], bool]:
        told = time.monotonic()

        def progress(done: float) -> bool:
            nonlocal told
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                self.log(f"{path.name}: {done:.0%} built")
            return not self.stopped()

        return progress


def _metadata(data: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in read_model(data).metadata_props}
