"""What a viewer makes of an animated GLB: nothing of how we write it is used here."""

import json
import struct

import numpy as np
from scipy.spatial.transform import Rotation


class Decoded:
    """What a viewer makes of a GLB."""

    def __init__(self, data):
        magic, version, size = struct.unpack_from("<4sII", data)
        assert (magic, version, size) == (b"glTF", 2, len(data))
        length, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and length % 4 == 0
        self.tree = json.loads(data[20 : 20 + length])
        rest, kind = struct.unpack_from("<I4s", data, 20 + length)
        assert kind == b"BIN\0" and rest % 4 == 0
        self.buffer = data[28 + length :]
        assert len(self.buffer) == rest == self.tree["buffers"][0]["byteLength"]

    def values(self, index):
        accessor = self.tree["accessors"][index]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        dtype = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        array = np.frombuffer(self.buffer, dtype, accessor["count"] * width, view["byteOffset"])
        assert array.nbytes == view["byteLength"]
        if "min" in accessor:
            rows = array.reshape(-1, width)
            assert accessor["min"] == rows.min(0).tolist() and accessor["max"] == rows.max(0).tolist()
        return array.reshape(-1, width) if width > 1 else array

    def node(self, name):
        (index,) = (i for i, node in enumerate(self.tree["nodes"]) if node["name"] == name)
        return index

    def tracks(self, name):
        """By path: keys' times and values."""
        (animation,) = self.tree["animations"]
        found = {}
        for channel in animation["channels"]:
            if channel["target"]["node"] == self.node(name):
                sampler = animation["samplers"][channel["sampler"]]
                keys, values = self.values(sampler["input"]), self.values(sampler["output"])
                assert (np.diff(keys) > 0).all() and keys[0] >= 0
                found[channel["target"]["path"]] = (keys, values, sampler["interpolation"])
        return found

    def primitive(self, name):
        (primitive,) = self.tree["meshes"][self.tree["nodes"][self.node(name)]["mesh"]]["primitives"]
        return primitive

    def world(self, name, time):
        """The vertices at a key's time."""
        tracks, primitive = self.tracks(name), self.primitive(name)
        k = int(np.flatnonzero(np.isclose(tracks["translation"][0], time))[0])
        vertices = self.values(primitive["attributes"]["POSITION"]).copy()
        if "weights" in tracks:
            weights = tracks["weights"][1].reshape(len(tracks["weights"][0]), -1)[k]
            for weight, target in zip(weights, primitive["targets"], strict=True):
                vertices += weight * self.values(target["POSITION"])
        turn = Rotation.from_quat(tracks["rotation"][1][k])
        return turn.apply(vertices) + tracks["translation"][1][k]

    def shown(self, name, time):
        if "scale" not in self.tracks(name):
            return True
        keys, sizes, interpolation = self.tracks(name)["scale"]
        assert interpolation == "STEP" and set(np.unique(sizes)) <= {0, 1}
        return bool(sizes[np.searchsorted(keys, time, side="right") - 1].all())
