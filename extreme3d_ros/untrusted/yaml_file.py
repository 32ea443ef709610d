"""YAML files: of limited size, and nothing that they ask for is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from extreme3d_ros.errors import reason
from extreme3d_ros.untrusted.regular_file import read_regular

#: Bytes; who writes by hand needs a thousand.
_MOST = 100_000
#: All that PyYAML raises for text that is no YAML, and for tagged values that are none of their tag's.
_NO_YAML = (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_yaml(path: Path | str) -> Any:
    """What a file says. Raises OSError; ValueError, which says why, where it is no YAML."""
    try:
        return yaml.safe_load(read_regular(Path(path), _MOST))
    except _NO_YAML as error:
        raise ValueError(f"no YAML: {reason(error)}") from error
