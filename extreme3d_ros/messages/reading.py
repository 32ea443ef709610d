"""Serialized messages made objects."""

from __future__ import annotations

from typing import Any

from rclpy.serialization import deserialize_message

from extreme3d_ros.errors import InputError


def message_of(serialized: bytes, kind: type) -> Any:
    """A message of a kind. Raises InputError where the bytes are none."""
    try:
        return deserialize_message(serialized, kind)
    except RuntimeError as error:
        name = kind.__name__
        raise InputError(f"{len(serialized)} bytes that came as {name} are none; check who publishes there") from error
