"""What several commands' options mean."""

from __future__ import annotations

from extreme3d_ros.errors import InputError


def check_device(arguments) -> None:
    """Raises InputError where a device is asked for that the profile has no engine for."""
    if arguments.device == "cuda":
        raise InputError("no network of the default profile runs on CUDA: use --device auto or cpu")
