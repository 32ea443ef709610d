"""Profiles: which face model and which networks the road runs with.

`default` and `shading` need nothing but the package, and differ in who makes bump map and masks. `extreme3d`
is the paper's own route: the Basel Face Model and the published identity and bump networks (Secs. 3.1, 4.1), all
imported by the user from files that they brought.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extreme3d_ros.errors import ModelFileError
from extreme3d_ros.folders import models_folder, networks_folder

if TYPE_CHECKING:
    from extreme3d_ros.engines import EngineMaker
    from extreme3d_ros.face_model import FaceModel
    from extreme3d_ros.pipeline import FastPath, LayersMaker
    from extreme3d_ros.stages.shape_network import ShapeNetwork


@dataclass(frozen=True)
class Profile:
    """about: what it is; layers: who makes bump map and masks, a name in stages/layers.py. The others are names of
    what was imported; face_model: empty for the shipped one; shape_network, bump_network: empty for none."""

    about: str
    layers: str
    face_model: str = ""
    shape_network: str = ""
    bump_network: str = ""


PROFILES = {
    "default": Profile("the package's own networks", "NetworkLayers"),
    "shading": Profile("no bump network: skin by its colour", "ShadingLayers"),
    "extreme3d": Profile(
        "the imported bfm2009, shape2018 and bump2018", "PublishedLayers", "bfm2009", "shape2018", "bump2018"
    ),
}
#: What there is to choose from, for those who choose.
ABOUT = "; ".join(f"{name}: {profile.about}" for name, profile in PROFILES.items())

#: What they are imported from.
_SOURCES = {
    "bfm2009": "BaselFaceModel_mod.h5",
    "shape2018": "shape_model.pth",
    "bump2018": "ckpt_109_grad.pth.tar",
}


def face_model_of(profile: str, path: Path | str = "") -> FaceModel:
    """A profile's face model, or that of a file if one is named. Raises ModelFileError."""
    # Imported here: the command line asks this module for the profiles' names before it knows what it will run.
    from extreme3d_ros.face_model.model import DEFAULT_MODEL
    from extreme3d_ros.face_model.soundness import load_sound

    name = PROFILES[profile].face_model
    imported = _imported(profile, models_folder() / f"{name}.npz") if name and not path else None
    model = load_sound(path or imported or DEFAULT_MODEL)
    if name and model.name != name:
        raise ModelFileError(
            f"{path} is the face model {model.name}, and profile {profile}'s coefficients are those of {name}: "
            "leave --face-model or parameter face_model out, or give it the imported one"
        )
    return model


def fast_path_of(profile: str, model: FaceModel, engines: EngineMaker) -> FastPath:
    """A profile's fast path, for its face model. Raises ModelFileError."""
    from extreme3d_ros.pipeline import FastPath

    shape_network, layers = shape_network_of(profile, model, engines), layers_of(profile, model, engines)
    return FastPath(model, shape_network, layers, engines)


def shape_network_of(profile: str, model: FaceModel, engines: EngineMaker) -> ShapeNetwork | None:
    """A profile's identity network, for its face model; None where it has none. Raises ModelFileError."""
    name = PROFILES[profile].shape_network
    if not name:
        return None
    from extreme3d_ros.stages.shape_network import SHAPES, ShapeNetwork

    if len(model.shape_modes) != SHAPES:
        raise ModelFileError(
            f"the face model {model.name} has {len(model.shape_modes)} shape modes, and {name} gives {SHAPES}: "
            f"import the whole one with `extreme3d models import {model.name} {_SOURCES[model.name]}`"
        )
    return ShapeNetwork(_imported(profile, networks_folder() / f"{name}.onnx"), engines)


def layers_of(profile: str, model: FaceModel, engines: EngineMaker) -> LayersMaker:
    """What makes a profile's bump map and masks, for its face model. Raises ModelFileError."""
    from extreme3d_ros.stages import layers

    wanted = PROFILES[profile]
    make = getattr(layers, wanted.layers)
    if wanted.bump_network:
        return make(_imported(profile, networks_folder() / f"{wanted.bump_network}.onnx"), engines=engines)
    return make(model) if make is layers.ShadingLayers else make(model, engines=engines)


def _imported(profile: str, path: Path) -> Path:
    """The path of an imported file that must be there."""
    if not os.path.exists(path):  # nor is there a file in a home that may not be entered
        command = f"extreme3d models import {path.stem} {_SOURCES[path.stem]}"
        raise ModelFileError(f"profile {profile} needs {path}: make it with `{command}`")
    return path
