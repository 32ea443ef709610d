"""The user's cache of TensorRT plans: built once, shared by processes, thrown away when they fit no longer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from extreme3d_ros.engines.engine import EngineError
from extreme3d_ros.engines.plan_file import BrokenPlan, read_plan, write_plan
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
    """A plan with its header: `key`, `network` (path), `metadata`, `built` (Unix time)."""

    path: Path
    header: Mapping
    content: bytes


class Plans:
    """The plans in a folder. log: told, in lines, what is waited for, broken, not kept or thrown away."""

    def __init__(self, folder: Path, log: Callable[[str], object] = lambda line: None):
        self._folder, self._log = folder, log

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

    def keep(self, network: Path, key: PlanKey, metadata: Mapping[str, str], content: bytes) -> Plan:
        """A plan of what was built, kept in the place of those that it makes useless; where the folder cannot be
        written it is not kept. metadata: what the network's maker wrote into its file."""
        path = self._path(network, key)
        header = {"key": asdict(key), "network": str(network), "metadata": dict(metadata), "built": time.time()}
        try:
            write_plan(path, header, content)
        except InputError as error:
            self._log(f"the plan is used but not kept: {error}")
        else:
            for old in self._of_same_use(network, key):
                if old != path:
                    self._log(f"thrown away: {old}, of another version of {network.name} or of TensorRT")
                    self.remove(old)
        return Plan(path, header, content)

    def paths(self) -> list[Path]:
        """Every plan's, the broken ones' too."""
        return sorted(self._folder.glob(f"[!.]*{_SUFFIX}"))

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

    @contextmanager
    def alone(self, network: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Holds the network's lock, which ends with the process that holds it: of several processes one builds, the
        others wait until they are `stopped`, which is an EngineError."""
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

    def _path(self, network: Path, key: PlanKey) -> Path:
        return self._folder / f"{network.stem}-{key.digest}{_SUFFIX}"

    def _of_same_use(self, network: Path, key: PlanKey) -> Iterator[Path]:
        """The plans that a key's plan takes the place of: of the same file and use, older network, module or format."""
        same = ("module", "gpu", "capability", "shapes", "precision")
        for path in self.paths():
            with suppress(BrokenPlan, FileNotFoundError):  # another process may have thrown it away
                header, _ = read_plan(path)
                alike = all(header.get("key", {}).get(name) == getattr(key, name) for name in same)
                if alike and header.get("network") == str(network):
                    yield path


def _locked(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
