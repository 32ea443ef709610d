"""The user's cache of TensorRT plans: built once, shared by processes, thrown away when they fit no longer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from extreme3d_ros.engines.engine import EngineError
from extreme3d_ros.engines.plan_file import BrokenPlan, read_header, read_plan, write_plan
from extreme3d_ros.errors import InputError
from extreme3d_ros.output.atomic import remove_abandoned

#: Raised whenever the same ONNX file would give another plan: the way it is rewritten, the builder's settings.
FORMAT = 1
_SUFFIX, _KERNELS = ".plan", ".kernels"
_POLL = 0.1


@dataclass(frozen=True)
class PlanKey:
    """Everything that a plan depends on: its bytes are good for this and nothing else.

    module, version: TensorRT's; gpu, capability: the GPU's name and compute capability ("8.9"); onnx: the SHA-256 of
    the network's file; shapes: of the inputs that it leaves open.
    """

    module: str
    version: str
    gpu: str
    capability: str
    onnx: str
    shapes: str
    precision: str
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """For the file's name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Plan:
    """A plan with its header: `key`, `network` (path), `metadata`, `built` (Unix time), `seconds`."""

    path: Path
    header: Mapping
    content: bytes


class Plans:
    """The plans in a folder. log: told, in lines, what is built, waited for, broken or thrown away."""

    def __init__(self, folder: Path, log: Callable[[str], object] = lambda line: None):
        self._folder, self._log = folder, log

    def get(
        self,
        network: Path,
        key: PlanKey,
        metadata: Callable[[], Mapping[str, str]],
        build: Callable[[float | None], bytes],
        stopped: Callable[[], bool] = lambda: False,
    ) -> Plan:
        """The plan for a key, built where there is none that is whole.

        build: gives the plan's bytes; it is told how many seconds that took the last time, None if unknown; metadata:
        gives what goes into its header; both are asked only then. Of several processes one builds, the others wait
        until they are `stopped`. Where the folder cannot be written the plan is built and not kept. What `build` raises
        passes through and leaves nothing behind. Raises EngineError where it was stopped while it waited.
        """
        plan = self.find(network, key)
        if plan:
            return plan
        with self._alone(network, stopped):
            return self.find(network, key) or self._built(network, key, metadata, build)

    def find(self, network: Path, key: PlanKey) -> Plan | None:
        """The plan for a key, read and verified; None where it must be built."""
        path = self._path(network, key)
        try:
            header, content = read_plan(path)
            if header.get("key") != asdict(key):
                raise BrokenPlan("it is for something else")
        except FileNotFoundError:
            return None
        except BrokenPlan as broken:
            self._log(f"the plan {path} is broken ({broken}): it is built again")
            return None
        return Plan(path, header, content)

    def headers(self) -> Iterator[tuple[Path, dict | None]]:
        """Every plan's path and header, None where it is broken, by path."""
        for path in sorted(self._folder.glob(f"[!.]*{_SUFFIX}")):
            try:
                yield path, read_header(path)
            except BrokenPlan:
                yield path, None
            except FileNotFoundError:
                pass  # thrown away by another process

    def remove(self, path: Path) -> None:
        """Throws a plan away with its kernels."""
        for file in (path, path.with_suffix(_KERNELS)):
            file.unlink(missing_ok=True)

    def kernels(self, plan: Plan) -> bytes:
        """What `keep_kernels` kept for a plan; empty where there is nothing, or nothing whole."""
        try:
            header, content = read_plan(plan.path.with_suffix(_KERNELS))
        except (FileNotFoundError, BrokenPlan):
            return b""
        return content if header.get("built") == plan.header["built"] else b""

    def keep_kernels(self, plan: Plan, kernels: bytes) -> None:
        """Keeps what the GPU's driver compiled of a plan."""
        try:
            write_plan(plan.path.with_suffix(_KERNELS), {"built": plan.header["built"]}, kernels)
        except InputError as error:
            self._log(f"the compiled kernels are not kept: {error}")

    def _path(self, network: Path, key: PlanKey) -> Path:
        return self._folder / f"{network.stem}-{key.digest}{_SUFFIX}"

    def _built(self, network: Path, key: PlanKey, metadata, build) -> Plan:
        path, former = self._path(network, key), self._of_same_use(network, key)
        took = max((header.get("seconds", 0.0) for _, header in former), default=None)
        start = time.monotonic()
        content = build(took)
        header = {
            "key": asdict(key),
            "network": str(network),
            "metadata": dict(metadata()),
            "built": time.time(),
            "seconds": round(time.monotonic() - start, 1),
        }
        try:
            write_plan(path, header, content)
        except InputError as error:
            self._log(f"the plan is used but not kept: {error}")
            return Plan(path, header, content)
        for old, _ in former:
            if old != path:
                self._log(f"thrown away: {old}, of another version of {network.name} or of TensorRT")
                self.remove(old)
        return Plan(path, header, content)

    def _of_same_use(self, network: Path, key: PlanKey) -> list[tuple[Path, dict]]:
        """The plans that a key's plan takes the place of: of the same file and use, older network, module or format."""
        same = ("module", "gpu", "capability", "shapes", "precision")
        return [
            (path, header)
            for path, header in self.headers()
            if header
            and header.get("network") == str(network)
            and all(header.get("key", {}).get(name) == getattr(key, name) for name in same)
        ]

    @contextmanager
    def _alone(self, network: Path, stopped: Callable[[], bool]) -> Iterator[None]:
        """Holds the network's lock, which ends with the process that holds it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # It stays there: to remove a lock that another process waits for would give two of them the right of way.
            file = open(self._folder / f"{network.stem}.lock", "w")
        except OSError as error:
            self._log(f"{self._folder} cannot be written ({error.strerror}): plans are not kept")
            yield
            return
        with file:
            if not _locked(file):
                self._log(f"another process builds the plan of {network.name}: waiting for it")
                while not _locked(file):
                    if stopped():
                        raise EngineError(f"stopped waiting for the plan of {network.name}")
                    time.sleep(_POLL)
            remove_abandoned(self._folder)
            yield


def _locked(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
