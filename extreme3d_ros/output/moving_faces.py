"""STEM.glb: the faces of a film as one animated scene.

Of each face a node: the head's motion is its translation and rotation, the form that changes are morph targets of its
mesh, in the model's frame. glTF is in metres, right-handed, y up, and its cameras look along -z; so the world is the
camera's optical frame turned by half about x, and the film's camera stands at its origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.geometry.normals import vertex_normals
from extreme3d_ros.output.glb import INDICES, VERTICES, Glb
from extreme3d_ros.output.shapes import Shapes

#: The camera's optical frame (x right, y down, z forward) to glTF's.
_TO_GLTF = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class MovingFace:
    """One face of a film. shapes: in the model's frame; faces: (T, 3) triangles; colors: (N, 3) RGB 0..255; numbers:
    (F,) rising, of the film's frames that show it; R (F, 3, 3), t (F, 3): its poses, p_camera = R p_model + t."""

    name: str
    shapes: Shapes
    faces: np.ndarray
    colors: np.ndarray
    numbers: np.ndarray
    R: np.ndarray
    t: np.ndarray


def moving_faces(faces: list[MovingFace], times: np.ndarray, camera: Camera) -> bytes:
    """The file. times: (frames of the film,) seconds, rising from 0 on."""
    glb = Glb()
    material = {
        "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.7},
        "doubleSided": True,  # the mesh is open at the back
    }
    glb.add("materials", material)
    nodes = [_add_node(glb, face) for face in faces]
    nodes.append(_add_camera(glb, camera))
    glb.tree["scene"] = glb.add("scenes", {"nodes": nodes})
    animation: dict = {"channels": [], "samplers": []}
    for node, face in zip(nodes, faces):
        for path, (keys, values, interpolation) in _tracks(face, np.asarray(times, np.float32)).items():
            sampler = {"input": glb.accessor(keys), "output": glb.accessor(values), "interpolation": interpolation}
            animation["samplers"].append(sampler)
            target = {"node": node, "path": path}
            animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})
    glb.add("animations", animation)
    return glb.data()


def _add_camera(glb: Glb, camera: Camera) -> int:
    """The film's own camera, but that its axis goes through the picture's middle."""
    height = 2 * np.arctan(camera.height / 2 / camera.K[1, 1])
    perspective = {"yfov": height, "aspectRatio": camera.width / camera.height, "znear": 0.01}
    index = glb.add("cameras", {"type": "perspective", "perspective": perspective})
    return glb.add("nodes", {"name": "camera", "camera": index})


def _add_node(glb: Glb, face: MovingFace) -> int:
    shapes, (rotations, translations) = face.shapes, _poses(face)
    normals = vertex_normals(shapes.base, face.faces)
    primitive = {
        "attributes": {
            "POSITION": glb.accessor(shapes.base, VERTICES),
            "NORMAL": glb.accessor(normals, VERTICES),
            "COLOR_0": glb.accessor(_linear(face.colors), VERTICES, normalized=True),
        },
        "indices": glb.accessor(_indices(face.faces, len(shapes.base)), INDICES),
        "material": 0,
    }
    mesh: dict[str, Any] = {"primitives": [primitive]}
    if len(shapes.targets):
        primitive["targets"] = [_target(glb, target, face, normals) for target in shapes.targets]
        mesh["weights"] = shapes.weights[0].tolist()
        mesh["extras"] = {"targetNames": [f"shape {number}" for number in range(len(shapes.targets))]}
    node = {"name": face.name, "mesh": glb.add("meshes", mesh)}
    return glb.add("nodes", node | {"rotation": rotations[0].tolist(), "translation": translations[0].tolist()})


def _target(glb: Glb, target: np.ndarray, face: MovingFace, normals: np.ndarray) -> dict:
    turned = vertex_normals(face.shapes.base + target, face.faces) - normals
    return {"POSITION": glb.accessor(target, VERTICES), "NORMAL": glb.accessor(turned, VERTICES)}


def _tracks(face: MovingFace, times: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    """Of each thing that moves: its keys' times, their values, and what is between them."""
    rotations, translations = _poses(face)
    keys = times[face.numbers]
    tracks = {"rotation": (keys, rotations, "LINEAR"), "translation": (keys, translations, "LINEAR")}
    if len(face.shapes.targets):
        tracks["weights"] = (keys, face.shapes.weights.reshape(-1), "LINEAR")
    there = np.isin(np.arange(len(times)), face.numbers)
    if not there.all():
        changes = np.flatnonzero(np.diff(there, prepend=~there[:1]))
        sizes = np.repeat(there[changes, None], 3, axis=1).astype(np.float32)  # glTF has no other way to hide a node
        tracks["scale"] = (times[changes], sizes, "STEP")
    return tracks


def _poses(face: MovingFace) -> tuple[np.ndarray, np.ndarray]:
    """Unit quaternions (F, 4), x y z w, without leaps of sign, and translations (F, 3), float32."""
    quaternions = Rotation.from_matrix(_TO_GLTF @ face.R).as_quat()
    leaps = np.sign((quaternions[1:] * quaternions[:-1]).sum(1))
    quaternions[1:] *= np.cumprod(np.where(leaps < 0, -1, 1))[:, None]
    return quaternions.astype(np.float32), (face.t @ _TO_GLTF.T).astype(np.float32)


def _indices(faces: np.ndarray, vertices: int) -> np.ndarray:
    """Short where they can be: 65535 is no index in glTF."""
    return faces.reshape(-1).astype(np.uint16 if vertices < 65535 else np.uint32)


def _linear(colors: np.ndarray) -> np.ndarray:
    """sRGB colours (N, 3) 0..255 as glTF's: linear, (N, 4) uint16 with an alpha of 1 (rows of whole words)."""
    coded = np.asarray(colors, np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.rint(np.concatenate([linear, np.ones((len(linear), 1))], axis=1) * 65535).astype(np.uint16)
