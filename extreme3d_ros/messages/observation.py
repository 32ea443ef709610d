"""Observation <-> the messages that carry it from face_node to completion_node; all of equal stamp (CONTRACT.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from extreme3d_ros.errors import InputError
from extreme3d_ros.messages.camera_info import camera_info_to_calibration, camera_to_camera_info
from extreme3d_ros.messages.images import image_to_layer, layer_to_image
from extreme3d_ros.messages.point_cloud import cloud_to_vertices, vertices_to_cloud
from extreme3d_ros.messages.pose import from_pose, to_pose
from extreme3d_ros.records import CROP_SIZE, Crop, Foundation, Layers, Observation

#: What an observation is sent as: topics, relative to the nodes' namespace, and their types.
TOPICS = {
    "crop/image": Image,
    "crop/camera_info": CameraInfo,
    "bump_map": Image,
    "mask": Image,
    "occlusion": Image,
    "foundation": PointCloud2,
    "pose": PoseStamped,
}

#: Those that completion needs: what the mask says, the occlusion does.
NEEDED = {topic: kind for topic, kind in TOPICS.items() if topic != "mask"}

#: Metres: what no bump is higher than, and no head longer.
_HIGHEST_BUMP, _LONGEST_HEAD = 0.1, 1.0


@dataclass(frozen=True)
class Received:
    """What completion needs of an observation. id: whose face it is, "" where nobody says."""

    header: Header
    crop: Crop
    foundation: Foundation
    layers: Layers
    id: str = ""


def observation_to_messages(seen: Observation, header: Header) -> dict[str, Callable[[], object]]:
    """For each of TOPICS what makes its message: called only where someone listens."""
    layers, foundation = seen.layers, seen.foundation
    return {
        "crop/image": lambda: layer_to_image(seen.crop.image, header),
        "crop/camera_info": lambda: camera_to_camera_info(seen.crop.camera, header),
        "bump_map": lambda: layer_to_image(layers.bump, header),
        "mask": lambda: layer_to_image(layers.mask, header),
        "occlusion": lambda: layer_to_image(layers.occlusion, header),
        "foundation": lambda: vertices_to_cloud(foundation.vertices, header),
        "pose": lambda: PoseStamped(header=header, pose=to_pose(foundation.R, foundation.t)),
    }


def messages_to_observation(messages: Mapping[str, Any], face: str = "") -> Received:
    """The observation in one message of each of NEEDED, of the face of that id. Raises InputError where they make none
    that is sound.

    The camera's own image isn't among them, so the crop's place in it is unknown: crop_to_image is the identity.
    """
    calibration = camera_info_to_calibration(messages["crop/camera_info"])
    if calibration is None:
        raise InputError("crop/camera_info has no intrinsics")
    image = image_to_layer(messages["crop/image"], "bgr8")
    crop = Crop(image, calibration.camera, np.eye(3))
    layers = Layers(
        bump=image_to_layer(messages["bump_map"], "32FC1"),
        occlusion=image_to_layer(messages["occlusion"], "mono8"),
    )
    foundation = Foundation(cloud_to_vertices(messages["foundation"]), *from_pose(messages["pose"].pose))
    received = Received(messages["crop/image"].header, crop, foundation, layers, face)
    check_sound(received)
    return received


def check_sound(received: Received) -> None:
    """Raises InputError, naming the topic, where sizes are not the crop's, or numbers not finite or no head's:
    completion would make a mesh of them that nobody can show, or take minutes."""
    crop, layers, vertices, t = received.crop, received.layers, received.foundation.vertices, received.foundation.t
    camera = crop.camera
    sizes = {"crop/camera_info": (camera.height, camera.width), "crop/image": crop.image.shape[:2]}
    sizes |= {"bump_map": layers.bump.shape, "occlusion": layers.occlusion.shape}
    for topic, (height, width) in sizes.items():
        if (height, width) != (CROP_SIZE, CROP_SIZE):
            size = f"{width} x {height} pixels, not {CROP_SIZE} x {CROP_SIZE}"
            raise InputError(f"{topic} is of {size}; check who publishes it")
    if not np.abs(layers.bump).max() <= _HIGHEST_BUMP:
        raise InputError("bump_map is not in metres, or not finite; check who publishes it")
    if not (len(vertices) and np.isfinite(vertices).all() and vertices[:, 2].min() > 0):
        raise InputError("foundation has vertices that are not finite, or behind the camera; check who publishes it")
    if not np.ptp(vertices, axis=0).max() <= _LONGEST_HEAD:
        raise InputError("foundation is larger than a head; its unit is the metre; check who publishes it")
    if not (t[2] > 0 and np.linalg.norm(t - vertices.mean(0)) <= _LONGEST_HEAD):
        raise InputError("pose is not where the foundation is; check who publishes it")
