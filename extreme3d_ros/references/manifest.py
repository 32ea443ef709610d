"""What a gallery says of itself: gallery.json, read as a file that anyone may have written."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.output.atomic import write_bytes
from extreme3d_ros.untrusted.regular_file import read_regular

MANIFEST = "gallery.json"
#: The height stored where nothing was seen.
UNSEEN = -128
_FORMAT = 1
_LARGEST = 1 << 22
#: Metres: a byte of such steps holds 25 mm, four times what ours holds, and no spikes.
_LARGEST_UNIT = 2e-4
_REMEDY = "build one with `extreme3d references build IMAGE_DIR`"


@dataclass(frozen=True)
class Part:
    """A folder of the gallery and how many entries it holds."""

    name: str
    count: int


@dataclass(frozen=True)
class Manifest:
    """face_model, feature: names; size: S texels; length: F of a feature; unit: metres a step of a stored height."""

    face_model: str
    feature: str
    size: int
    length: int
    unit: float
    parts: tuple[Part, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises ModelFileError where the folder holds no gallery, or gallery.json says what cannot be."""
        try:
            return _parsed(json.loads(read_regular(folder / MANIFEST, _LARGEST)))
        except FileNotFoundError:
            raise ModelFileError(f"no gallery of references at {folder}: {_REMEDY}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise unsound(folder, error) from None

    def write(self, folder: Path) -> None:
        """At once. Raises InputError."""
        content = {"format": _FORMAT, **asdict(self)}
        write_bytes(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())

    def arrays(self, count: int) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """The files of a part of `count` entries, with their shapes and types."""
        return {
            "skins.npy": ((count, self.size, self.size), np.dtype("i1")),
            "directions.npy": ((count, 3), np.dtype("<f4")),
            "features.npy": ((count, self.length), np.dtype("<f2")),
        }


def unsound(folder: Path, error: Exception) -> ModelFileError:
    """The error of a gallery that is broken."""
    return ModelFileError(f"{folder} is no sound gallery of references ({reason(error)}): {_REMEDY}")


def _parsed(content: dict) -> Manifest:
    """Raises ValueError, KeyError or TypeError."""
    if content["format"] != _FORMAT:
        raise ValueError(f"{MANIFEST} is of another format than {_FORMAT}")
    parts = tuple(Part(part["name"], part["count"]) for part in content["parts"])
    face_model, feature, size, length, unit = (
        content[key] for key in ("face_model", "feature", "size", "length", "unit")
    )
    made = Manifest(face_model, feature, size, length, unit, parts)
    good = {
        "face_model": _is_name(made.face_model),
        "feature": _is_name(made.feature),
        "size": type(made.size) is int and 2 <= made.size <= 4096,
        "length": type(made.length) is int and 1 <= made.length <= 65536,
        "unit": type(made.unit) is float and 0 < made.unit <= _LARGEST_UNIT,
        "parts": _are_parts(parts),
    }
    if wrong := [key for key, fine in good.items() if not fine]:
        raise ValueError(f"{', '.join(wrong)} in {MANIFEST} cannot be")
    return made


def _are_parts(parts: tuple[Part, ...]) -> bool:
    """Whether each has a name that leads nowhere else and of its own, and holds something."""
    for part in parts:
        if type(part.name) is not str or not re.fullmatch("part-[0-9]{5}", part.name):
            return False
        if type(part.count) is not int or part.count < 1:
            return False
    return len({part.name for part in parts}) == len(parts)


def _is_name(value) -> bool:
    return type(value) is str and 0 < len(value) <= 200 and value.isprintable()
