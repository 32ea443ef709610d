"""Galleries, faces and networks for tests of the references."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from extreme3d_ros.camera import Camera
from extreme3d_ros.face_model import load_face_model
from extreme3d_ros.records import HIDDEN, VISIBLE, Coefficients, Crop, Foundation, Layers, Observation
from extreme3d_ros.references.gallery_writer import GalleryWriter

MODEL = load_face_model()
FLIP = np.float32([-1, 1, 1])
SIZE = 8


def unit(vector):
    vector = np.asarray(vector, np.float32)
    return vector / np.linalg.norm(vector)


def entries(count, length=6, size=SIZE, seed=0):
    """Skins with unseen texels, directions and features."""
    rng = np.random.default_rng(seed)
    skins = rng.uniform(-6e-3, 6e-3, (count, size, size)).astype(np.float32)
    skins[rng.random(skins.shape) < 0.3] = np.nan
    directions = [unit(rng.normal(0, 0.5, 3) + [0, 0, 2]) for _ in range(count)]
    return list(zip(skins, directions, (unit(rng.normal(size=length)) for _ in range(count))))


def write(folder, made, size=SIZE, append=False, face_model="model", feature="feature"):
    folder.mkdir(exist_ok=True)
    with GalleryWriter(folder, face_model, feature, size, append) as writer:
        for entry in made:
            writer.add(*entry)
    return folder


def posed(vertices, yaw=0.0, pitch=0.0, roll=0.0, t=(0.03, -0.02, 0.7)):
    """A foundation; the head's turns in degrees, about the model's y, x and z in turn."""
    R = np.diag([1.0, -1.0, -1.0]) @ Rotation.from_euler("yxz", [yaw, pitch, roll], degrees=True).as_matrix()
    return Foundation((vertices @ R.T + t).astype(np.float32), R, np.array(t))


def network(path, shape=(1, 3, 16, 16), kind="FLOAT", outputs=1, reduced=(2, 3)):
    """An ONNX file that averages its image over some axes; by default the mean of each channel, (1, 3)."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra: training)")
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=types.FLOAT)]
    names = [f"out{n}" for n in range(outputs)]
    nodes += [helper.make_node("ReduceMean", ["real"], [n], axes=list(reduced), keepdims=0) for n in names]
    given_ = helper.make_tensor_value_info("image", getattr(types, kind), shape)
    made = [helper.make_tensor_value_info(n, types.FLOAT, None) for n in names]
    graph = helper.make_graph(nodes, "g", [given_], made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def coloured_crop():
    """Its middle is of BGR 30, 60, 240; no face reaches its border."""
    image = np.zeros((512, 512, 3), np.uint8)
    image[20:450, 40:470] = 30, 60, 240
    return Crop(image, Camera.assumed(512, 512), np.eye(3))


def observation(hidden=0.0, confidence=0.9, yaw=0.0, seed=0):
    """A face of which an object hides so much; only what a gallery looks at is there."""
    occlusion = np.full((512, 512), VISIBLE, np.uint8)
    occlusion[: round(512 * hidden)] = HIDDEN
    rng = np.random.default_rng(seed)
    vertices = MODEL.vertices(rng.normal(size=99), np.zeros(29))
    layers = Layers(np.full((512, 512), 1e-3, np.float32), occlusion)
    return Observation(None, None, posed(vertices, yaw), Coefficients(None, None), None, layers, confidence)


def unwrap(foundation, crop, surface, bump, visible):
    """Stands in for stages/unwrapping.py: the bump's upper left corner."""
    return np.where(visible, bump, np.nan)[-256:, -256:]


def own_folder(tmp_path, monkeypatch):
    """Where the user's own gallery is; to be made a fixture."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "extreme3d_ros" / "references"
