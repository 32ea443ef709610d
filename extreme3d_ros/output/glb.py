"""glTF 2.0 in one binary file: JSON and one buffer. What the arrays mean is for those who fill it in.

trimesh writes static scenes only, and its hooks would have to take its buffers apart again.
"""

from __future__ import annotations

import json
import struct

import numpy as np

from extreme3d_ros import __version__

_TYPES = {"u1": 5121, "u2": 5123, "u4": 5125, "f4": 5126}
_KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4"}
#: What the GPU takes a buffer for.
VERTICES, INDICES = 34962, 34963


class Glb:
    """A file in the making. tree: its JSON, to which scenes, nodes, meshes, ... are added."""

    def __init__(self):
        self.tree: dict = {
            "asset": {"version": "2.0", "generator": f"extreme3d_ros {__version__}"},
            "bufferViews": [],
            "accessors": [],
        }
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, item: dict) -> int:
        """Adds an item to the tree's list of a name; its index there."""
        items = self.tree.setdefault(name, [])
        items.append(item)
        return len(items) - 1

    def accessor(self, values: np.ndarray, target: int | None = None, normalized: bool = False) -> int:
        """Numbers (F,) or vectors (F, 2..4) of the types of _TYPES: the index of their accessor.

        target: VERTICES, INDICES or, of animations, None; normalized: whole numbers stand for 0..1.
        """
        values = np.ascontiguousarray(values)
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": values.nbytes}
        if target is not None:
            view["target"] = target
        item = {
            "bufferView": self.add("bufferViews", view),
            "componentType": _TYPES[values.dtype.str[1:]],
            "count": len(values),
            "type": _KINDS[values.shape[1:]],
        }
        if normalized:
            item["normalized"] = True
        else:
            item |= {"min": np.atleast_1d(values.min(0)).tolist(), "max": np.atleast_1d(values.max(0)).tolist()}
        self._append(values.tobytes())
        return self.add("accessors", item)

    def data(self) -> bytes:
        """The whole file."""
        tree = json.dumps(self.tree | {"buffers": [{"byteLength": self._size}]}, separators=(",", ":")).encode()
        tree += b" " * (-len(tree) % 4)
        size = 12 + 8 + len(tree) + 8 + self._size
        head = struct.pack("<4sII", b"glTF", 2, size) + struct.pack("<I4s", len(tree), b"JSON")
        return b"".join([head, tree, struct.pack("<I4s", self._size, b"BIN\0"), *self._parts])

    def _append(self, data: bytes) -> None:
        data += b"\0" * (-len(data) % 4)  # accessors begin at multiples of their numbers' sizes
        self._parts.append(data)
        self._size += len(data)
