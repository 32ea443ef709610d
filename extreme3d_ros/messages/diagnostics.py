"""A node's state as DiagnosticArray."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


def diagnostic_array(
    stamp: Time, name: str, level: bytes, message: str, values: Mapping[str, object]
) -> DiagnosticArray:
    """One status. level: DiagnosticStatus.OK, WARN, ERROR or STALE; floats are given with one decimal."""
    array = DiagnosticArray()
    array.header.stamp = stamp
    pairs = [KeyValue(key=key, value=_text(value)) for key, value in values.items()]
    array.status = [DiagnosticStatus(level=level, name=name, message=message, values=pairs)]
    return array


def _text(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
