"""Where the user's own files lie: $XDG_DATA_HOME/extreme3d_ros, that is ~/.local/share/extreme3d_ros by default."""

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


def _data() -> Path:
    home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative paths ignored.
    # expanduser: a user without a home, as in some containers, has no such folder, which is no error.
    base = Path(home) if os.path.isabs(home) else Path(os.path.expanduser("~/.local/share"))
    return base / "extreme3d_ros"
