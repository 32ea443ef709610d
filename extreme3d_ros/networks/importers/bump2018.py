"""The bump network of the CVPR 2018 release (INTEROP.md) made an ONNX file: `ckpt_109_grad.pth.tar`, the state dict of
a generator and a discriminator.

What the generator calls its layers isn't known here: they are matched by their order and their shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from extreme3d_ros.networks.importers.onnx_file import (
    announce,
    export,
    few,
    origin,
    require_close,
    require_packages,
    run,
    telling,
)
from extreme3d_ros.networks.importers.process import BrokenCheckpoint, read_state

if TYPE_CHECKING:
    from extreme3d_ros.networks.bump import EncoderDecoder

CHECKPOINT = "ckpt_109_grad.pth.tar"
#: How far ONNX Runtime's maps may lie from PyTorch's, as a part of 1 (mask) or of the highest bump.
TOLERANCE = 1e-3

_INPUT = "image (1, 500, 500, 3) uint8: the published face crop, BGR"
_OUTPUT = (
    "mask (1, 512, 512) float32 0..1 and bump (1, 512, 512) float32 metres, positive towards the camera; image pixel "
    "(x, y) is map pixel (x + 6, y + 6)"
)
_GENERATOR = "Gnet."
_PARTS = ("weight", "bias")
#: By their names in the file: weight and bias of each layer.
_Layers = dict[str, dict[str, np.ndarray]]


def import_bump2018(path: Path | str, make: Callable[[], EncoderDecoder] | None = None) -> bytes:
    """The ONNX file of a checkpoint, or of the folder that holds CHECKPOINT.

    make: gives the EncoderDecoder that the weights are for; None: the published one. Raises ModelFileError.
    """
    path = Path(path)
    weights = path / CHECKPOINT if path.is_dir() else path
    with telling("bump2018", weights, f"the CVPR 2018 release's {CHECKPOINT}, or its folder"):
        digest = announce(weights)
        require_packages()
        network = _network(read_state(weights), make)
        return _checked(network, _onnx(network, origin("bump2018", weights, digest, _INPUT, _OUTPUT)))


def _network(tensors: dict[str, np.ndarray], make):
    """The network with a checkpoint's weights, ready to run."""
    import torch

    from extreme3d_ros.networks.published_bump import PublishedBumpNetwork

    network = PublishedBumpNetwork(make() if make else None).eval()
    state = _matched(_layers(_generator(tensors)), network.maps)
    network.maps.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return network


def _generator(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The generator's tensors, by all that stands after `Gnet.` in their names."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, array in tensors.items():
        before, mark, own = f".{name}".partition(f".{_GENERATOR}")
        if mark:
            found.setdefault(f"{before}{mark}"[1:], {})[own] = array
    if not found:
        has = f": it has {few(list(tensors))}" if tensors else ""
        raise BrokenCheckpoint(f"it holds no weights named {_GENERATOR}{has}")
    if len(found) > 1:
        raise BrokenCheckpoint(f"it holds {len(found)} generators, {few(list(found))}, not one")
    return next(iter(found.values()))


def _layers(tensors: dict[str, np.ndarray]) -> _Layers:
    """Convolutions in the file's order."""
    layers: _Layers = {}
    for name, array in tensors.items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[part] = array
    for layer, parts in layers.items():
        if set(parts) != set(_PARTS):
            raise BrokenCheckpoint(f"{_shown(layer)} has {few(sorted(parts))}, not weight and bias alone")
    return layers


def _matched(layers: _Layers, maps) -> dict[str, np.ndarray]:
    """A state dict of our network: a file's n-th layer is our n-th.

    Of the heads' layers two orders are known: each last convolution after its own block, or both after both blocks.
    """
    state = maps.state_dict()
    own = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    if len(layers) != len(own):
        raise BrokenCheckpoint(f"its generator has {len(layers)} convolutions, and Table 2's has {len(own)}")
    faults = []
    for order in (own, sorted(own, key=lambda name: name.endswith(".last"))):
        fault = _first_misfit(layers, order, state)
        if fault is None:
            return {
                f"{name}.{part}": _single(parts[part], f"{layer}.{part}")
                for name, (layer, parts) in zip(order, layers.items())
                for part in _PARTS
            }
        faults.append(fault)
    _, misfit = max(faults)  # of the order that goes further
    raise BrokenCheckpoint(misfit)


def _first_misfit(layers: _Layers, order: list[str], state) -> tuple[int, str] | None:
    """The number of the first layer whose shapes are not those of ours in this order, and what is wrong with it."""
    for number, (name, (layer, parts)) in enumerate(zip(order, layers.items())):
        for part in _PARTS:
            shape, want = parts[part].shape, tuple(state[f"{name}.{part}"].shape)
            if shape != want:
                return number, f"{_shown(layer)}.{part} has the shape {shape}, not {want}"
    return None


def _single(array: np.ndarray, name: str) -> np.ndarray:
    """In single precision; a copy: the arrays of a file may be read-only."""
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        raise BrokenCheckpoint(f"{_shown(name)} is not finite")
    return single


def _shown(layer: str) -> str:
    return _GENERATOR + few([layer])


def _onnx(network, metadata: dict[str, str]) -> bytes:
    import torch

    from extreme3d_ros.networks.published_bump import SIZE

    return export(network, torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8), ["mask", "bump"], metadata)


def _checked(network, data: bytes) -> bytes:
    """The ONNX file, if ONNX Runtime gives what PyTorch gives."""
    import torch

    from extreme3d_ros.networks.bump import HIGHEST
    from extreme3d_ros.networks.published_bump import SIZE

    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    got = run(data, image)
    with torch.no_grad():
        mask, bump = (value.numpy() for value in network(torch.from_numpy(image)))
    require_close(got["mask"], mask, TOLERANCE)
    require_close(got["bump"] / HIGHEST, bump / HIGHEST, TOLERANCE)
    return data
