"""Where OpenVINO is worth it: on CPUs that multiply in fewer bits."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from extreme3d_ros.engines.engine import Engine, EngineError
from extreme3d_ros.engines.onnx import digest
from extreme3d_ros.engines.openvino import QUANTISED_FROM, OpenVinoEngine

#: Its networks were measured in bf16; others run as their files are.
_SHIPPED = Path(__file__).parent.parent / "data"
#: As Linux calls what CPUs can. Those with AVX-512's bf16 but without AMX are no faster in bf16, and those without
#: VNNI overflow in 8 bits.
_BF16, _INT8 = {"amx_bf16"}, {"avx512_vnni", "avx_vnni"}
_CPU_INFO = Path("/proc/cpuinfo")


def engine_in_fewer_bits(path: Path, flags: frozenset[str] | None = None) -> Engine | None:
    """OpenVINO's engine where it is much faster on this CPU (benchmarks/engines.py): with AMX in bf16, which moves the
    shipped networks no farther from the truth; with VNNI by the 8-bit version that the user has made and put beside the
    file. Else None, and where OpenVINO isn't installed.

    flags: the CPU's; by default this one's. Raises EngineError where OpenVINO fails, or the 8-bit version is of
    another file; ModelFileError where the file cannot be read.
    """
    flags = cpu_flags() if flags is None else flags
    if find_spec("openvino") is None:
        return None
    if flags & _BF16 and os.path.dirname(os.path.realpath(path)) == os.path.realpath(_SHIPPED):
        return OpenVinoEngine(path, precision="bf16")
    small = quantised_path(path)
    if flags & _INT8 and small.exists():
        engine = OpenVinoEngine(small)
        if engine.metadata.get(QUANTISED_FROM) != digest(path):
            raise EngineError(f"{small} is of another {path.name}: make it with `python -m training.quantise`")
        return engine
    return None


def quantised_path(path: Path) -> Path:
    """Where the 8-bit version of a network's file is, if there is one."""
    return path.with_name(f"{path.stem}_int8{path.suffix}")


def cpu_flags(info: Path = _CPU_INFO) -> frozenset[str]:
    """What this CPU can, as Linux tells it; nothing on other systems."""
    try:
        lines = info.read_text().splitlines()
    except OSError:
        return frozenset()
    listed = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(listed.partition(":")[2].split())
