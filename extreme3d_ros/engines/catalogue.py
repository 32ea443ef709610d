"""The networks that the package knows, and those that the user has entered in a file of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from reprlib import Repr

from extreme3d_ros.engines.network import Network, Noise
from extreme3d_ros.errors import InputError, one_line, reason
from extreme3d_ros.folders import networks_folder
from extreme3d_ros.untrusted.yaml_file import read_yaml

_DATA = Path(__file__).parent.parent / "data"
_FILE = "networks.yaml"
_TEXTS = "about", "file", "preprocessing", "licence", "origin"
_NEEDED = {*_TEXTS, "inputs", "limits"}
_KNOWN = _NEEDED | {"sha256"}
#: Values in errors: aliases let a few lines of YAML stand for more than memory holds.
_BRIEF = Repr()
_BRIEF.maxlevel = 2
_TYPES = "float16", "float32", "uint8", "int32", "int64"
#: No network is shown larger numbers, or differs by them.
_LARGEST = 1e30


def catalogue() -> dict[str, Network]:
    """All networks by name, the package's own first. Raises InputError where an entry of the user's is wrong."""
    networks, path = _read(_DATA / _FILE, _own), entries_path()
    entered = _read(path, _entered) if os.path.exists(path) else {}
    if taken := networks.keys() & entered.keys():
        raise InputError(f"{path}: network {min(taken)} is one of the package's own: name yours otherwise")
    return networks | entered


def of_profile(profile: str) -> list[Network]:
    """The networks that a profile needs."""
    return [network for network in catalogue().values() if profile in network.profiles]


def named(names: list[str]) -> list[Network]:
    """Networks by name. Raises InputError where there is none of a name."""
    networks = catalogue()
    for name in names:
        if name not in networks:
            raise InputError(f"there is no network {name}: there are {', '.join(networks)}")
    return [networks[name] for name in names]


def entries_path() -> Path:
    """The file of the user's entries: ~/.local/share/extreme3d_ros/networks.yaml by default."""
    return networks_folder().parent / _FILE


def _read(path: Path, make: Callable[[str, Mapping], Network]) -> dict[str, Network]:
    try:
        entries = read_yaml(path)
        if not isinstance(entries, dict):
            raise ValueError("it is no table of networks by name")
        entries = {str(name): entry for name, entry in entries.items()}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({reason(error)}): mend or remove it") from error
    return {name: _entry(path, name, entry, make) for name, entry in entries.items()}


def _entry(path: Path, name: str, entry: object, make: Callable[[str, Mapping], Network]) -> Network:
    try:
        return make(name, _table(entry, "the entry"))
    except ValueError as error:
        raise InputError(f"{path}: network {one_line(name)}: {reason(error)}") from error


def _own(name: str, entry: Mapping) -> Network:
    """One of the package's own, shipped or imported."""
    entry = dict(entry)
    profiles, source = entry.pop("profiles"), entry.pop("imported_from", None)
    remedy = f"make it with `extreme3d models import {name} {source}`" if source else "install the package again"
    folder = networks_folder() if source else _DATA
    return _network(name, entry, folder, remedy, tuple(profiles))


def _entered(name: str, entry: Mapping) -> Network:
    """One of the user's."""
    network = _network(name, entry, networks_folder(), f"put it there, or mend {entries_path()}")
    if network.noise.keys() != network.shapes.keys():
        raise ValueError("each of its inputs needs noise: [type, lowest, highest]")
    return network


def _network(name: str, entry: Mapping, folder: Path, remedy: str, profiles: tuple[str, ...] = ()) -> Network:
    """Raises ValueError, which says what is wrong."""
    if missing := _NEEDED - entry.keys():
        raise ValueError(f"it has no {min(missing)}")
    if unknown := {str(key) for key in entry} - _KNOWN:
        raise ValueError(f"{min(unknown)} is none of its fields, which are {', '.join(sorted(_KNOWN))}")
    texts = {key: _text(entry[key], key) for key in (*_TEXTS, "sha256") if key in entry}
    inputs = {str(key): _table(value, f"input {key}") for key, value in _table(entry["inputs"], "inputs").items()}
    return Network(
        name=name,
        path=folder / os.path.expanduser(texts.pop("file")),
        shapes={key: _shape(value.get("shape"), key) for key, value in inputs.items()},
        noise={key: _noise(value["noise"], key) for key, value in inputs.items() if "noise" in value},
        limits={str(key): _two(value, f"limits of {key}") for key, value in _table(entry["limits"], "limits").items()},
        remedy=remedy,
        profiles=profiles,
        **texts,
    )


def _table(value: object, what: str) -> Mapping:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{what} must be a table, not {_BRIEF.repr(value)}")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"{what} must be a line of text, not {_BRIEF.repr(value)}")
    return value


def _shape(value: object, name: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(size) is int and size > 0 for size in value):
        raise ValueError(f"input {name} needs a shape, a list of sizes, not {_BRIEF.repr(value)}")
    return tuple(value)


def _noise(value: object, name: str) -> Noise:
    if not isinstance(value, list) or not value or value[0] not in _TYPES:
        kinds = ", ".join(_TYPES)
        raise ValueError(f"noise of {name} must be [type, lowest, highest], type of {kinds}; not {_BRIEF.repr(value)}")
    low, high = _two(value[1:], f"noise of {name}")
    if low >= high:
        raise ValueError(f"noise of {name} must be from a lower to a higher value, not {_BRIEF.repr(value)}")
    return Noise(value[0], low, high)


def _two(value: object, what: str) -> tuple[float, float]:
    """Two numbers. YAML takes 1e-3 for text, and 1.0e-3 for a number."""
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(type(x) in (int, float) and abs(x) < _LARGEST for x in numbers):
        raise ValueError(f"{what} must be two numbers (such as 1.0e-3), not {_BRIEF.repr(value)}")
    return float(numbers[0]), float(numbers[1])
