"""What engines are checked and timed with: real inputs of a photograph, or noise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from extreme3d_ros.engines import Engine, OnnxEngine
from extreme3d_ros.engines.catalogue import entries_path
from extreme3d_ros.engines.network import Network
from extreme3d_ros.errors import InputError, NoFaceError

Arrays = dict[str, np.ndarray]


def sample(network: Network, image: str | None = None) -> Arrays:
    """A network's inputs by their names: what the road shows it of an image, or noise where its entry says which.

    image: a file with a face; None: scikit-image's astronaut. Raises InputError, NoFaceError.
    """
    if not network.noise:
        return _shown(image)[network.path]
    random = np.random.default_rng(0)
    return {name: network.noise[name](shape, random) for name, shape in network.shapes.items()}


def answer(network: Network, reference: Engine, inputs: Arrays) -> Arrays:
    """ONNX Runtime's outputs. Raises InputError where the entry's inputs are none that the network takes."""
    try:
        return reference(**inputs)
    except ValueError as error:
        raise InputError(f"{network.name}: {error}: mend its entry in {entries_path()}") from error


@cache
def _shown(image: str | None) -> dict[Path, Arrays]:
    """What the default road last shows its networks of an image."""
    # Imported here: a network that noise is good enough for needs nothing of the road.
    from extreme3d_ros.cli.bench import vga
    from extreme3d_ros.face_model import load_face_model
    from extreme3d_ros.input.frames import frame_of
    from extreme3d_ros.input.images import demo_image, read_image
    from extreme3d_ros.pipeline import FastPath

    shown: dict[Path, Arrays] = {}

    class Listening(OnnxEngine):
        def __init__(self, path: Path):
            super().__init__(path)
            self._path = path

        def __call__(self, **inputs: np.ndarray) -> Arrays:
            shown[self._path] = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
            return super().__call__(**inputs)

    road = FastPath(load_face_model(), engines=Listening)
    if not road(frame_of(read_image(image) if image else vga(demo_image()))):
        raise NoFaceError(f"{image or 'the astronaut'} shows no face: name another with --image")
    return shown
