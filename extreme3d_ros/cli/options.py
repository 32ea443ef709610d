"""What several commands' options mean."""

from __future__ import annotations

from extreme3d_ros.errors import InputError


def check_device(arguments) -> None:
    """Raises InputError where a device is asked for that the profile has no engine for."""
    if arguments.device == "cuda":
        raise InputError(f"no network of the profile {arguments.profile} runs on CUDA: use --device auto or cpu")
