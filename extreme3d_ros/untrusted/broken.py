"""What is said of files that are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numpy.linalg import LinAlgError

from extreme3d_ros.errors import ModelFileError, reason


class Broken(Exception):
    """A file that is not what it should be; the message says why in a few words."""


@contextmanager
def importing(kind: str, path: Path | str, wanted: str) -> Iterator[None]:
    """Makes what goes wrong while a path is imported as a kind a ModelFileError. wanted: the files that it takes."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelFileError(f"no {error.filename or path}: give {wanted}") from None
    except OSError as error:
        raise ModelFileError(f"{error.filename or path} cannot be read ({reason(error)}): give {wanted}") from None
    except (Broken, LinAlgError) as error:
        raise ModelFileError(f"{path} cannot be imported as {kind} ({reason(error)}): give {wanted}") from None
