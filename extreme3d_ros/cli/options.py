"""What several commands' options mean."""

from __future__ import annotations

import sys

from extreme3d_ros.engines import EngineError, Engines
from extreme3d_ros.errors import InputError


def engines_of(arguments) -> Engines:
    """The engines of --device and --precision, which tell on stderr what they do.

    Raises InputError where this machine has no such device.
    """
    try:
        return Engines(arguments.device, arguments.precision, log=_tell)
    except EngineError as error:
        raise InputError(f"--device {arguments.device}: {error}") from error


def _tell(line: str) -> None:
    print(f"extreme3d: {line}", file=sys.stderr)
