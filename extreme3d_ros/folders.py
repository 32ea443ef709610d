"""Where the user's own files lie: in $XDG_DATA_HOME/extreme3d_ros and $XDG_CACHE_HOME/extreme3d_ros, by default
~/.local/share/extreme3d_ros and ~/.cache/extreme3d_ros."""

from __future__ import annotations

import os
from pathlib import Path


def models_folder() -> Path:
    """Imported face models."""
    return _data() / "models"


def networks_folder() -> Path:
    """Imported networks."""
    return _data() / "networks"


def references_folder() -> Path:
    """The gallery of references that the user has built."""
    return _data() / "references"


def plans_folder() -> Path:
    """TensorRT's plans, which can be made again."""
    return _of("XDG_CACHE_HOME", "~/.cache") / "plans"


def _data() -> Path:
    return _of("XDG_DATA_HOME", "~/.local/share")


def _of(variable: str, default: str) -> Path:
    home = os.environ.get(variable, "")
    # The XDG specification has relative paths ignored.
    # expanduser: a user without a home, as in some containers, has no such folder, which is no error.
    base = Path(home) if os.path.isabs(home) else Path(os.path.expanduser(default))
    return base / "extreme3d_ros"
