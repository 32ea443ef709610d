"""The nodes that `extreme3d run` starts, and what it hands them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from extreme3d_ros.cli.options import engines_of
from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.face_model import FaceModel
from extreme3d_ros.profiles import layers_of, shape_network_of
from extreme3d_ros.references.default import NONE, feature_of, references_of

NAMESPACE = "/face"
_CAMERA = "/camera"


def nodes_of(arguments, model: FaceModel) -> dict[str, list[str]]:
    """By executable its ROS arguments; model: the loaded face model. Without image_source where the source is a topic.

    Raises InputError or ModelFileError where a node could not work with them: here, and not from each of the nodes.
    """
    source = arguments.source
    ours = not _is_topic(source)
    topic = f"{_CAMERA}/image_raw" if ours else source
    both = _namespace(NAMESPACE) + _profile(arguments, model)
    nodes = {
        "face_node": both + _device(arguments) + _images(topic, ours),
        "completion_node": both + _references(arguments.references, model),
    }
    if arguments.out:
        nodes["completion_node"] += _parameter("ply_dir", _absolute(arguments.out))
    if ours:
        _check(source)
        settings = _parameter("source", source) + _parameter("rate", float(arguments.rate))
        nodes["image_source"] = _namespace(_CAMERA) + settings
    return nodes


def _is_topic(source: str) -> bool:
    """Whether a source names an image topic; what looks like a file, or is one, does not."""
    return source.startswith("/") and not Path(source).suffix and not os.path.exists(source)


def _check(source: str) -> None:
    """Raises InputError where a source gives no image."""
    from extreme3d_ros.nodes.image_source import images

    next(images(source)[0])


def _profile(arguments, model: FaceModel) -> list[str]:
    shape_network_of(arguments.profile, model, OnnxEngine), layers_of(arguments.profile, model, OnnxEngine)
    return _parameter("profile", arguments.profile) + _parameter("face_model", _absolute(arguments.face_model))


def _device(arguments) -> list[str]:
    if arguments.device != "auto":  # which is no demand
        engines_of(arguments).close()
    return _parameter("device", arguments.device) + _parameter("precision", arguments.precision)


def _references(folder: str, model: FaceModel) -> list[str]:
    feature_of(references_of(folder, model.name), model)
    return _parameter("references", folder if folder == NONE else _absolute(folder))


def _images(topic: str, ours: bool) -> list[str]:
    remap = ["-r", f"image_raw:={topic}", "-r", f"camera_info:={topic.rsplit('/', 1)[0]}/camera_info"]
    # Best effort loses large images between busy processes.
    return remap + (_parameter("reliability", "reliable") if ours else [])


def _namespace(name: str) -> list[str]:
    return ["-r", f"__ns:={name}"]


def _parameter(name: str, value: str | float) -> list[str]:
    # Values are YAML there, of which JSON is a part: a path may hold anything.
    return ["-p", f"{name}:={json.dumps(value, ensure_ascii=False)}"]


def _absolute(path: str) -> str:
    """Wherever the node will run; "" stays."""
    return str(Path(path).expanduser().absolute()) if path else ""
