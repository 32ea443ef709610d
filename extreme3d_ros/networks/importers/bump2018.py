"""The bump network of the CVPR 2018 release (INTEROP.md) made an ONNX file: `ckpt_109_grad.pth.tar`, the state dict of
a generator and a discriminator.

What the generator calls its layers isn't known here: they are matched by their order and their shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from extreme3d_ros.networks.importers.checkpoint import read_checkpoint
from extreme3d_ros.networks.importers.onnx_file import Published, few, import_published
from extreme3d_ros.stages.bump import METRES_PER_LEVEL
from extreme3d_ros.untrusted.broken import Broken

if TYPE_CHECKING:
    from extreme3d_ros.networks.bump import EncoderDecoder

CHECKPOINT = "ckpt_109_grad.pth.tar"
_PUBLISHED = Published(
    name="bump2018",
    file=CHECKPOINT,
    wanted=f"{CHECKPOINT}, or its folder",
    given="image (1, 500, 500, 3) uint8: the published face crop, BGR",
    answer="mask (1, 512, 512) float32 0..1 and bump (1, 512, 512) float32 metres, positive towards the camera; image "
    "pixel (x, y) is map pixel (x + 6, y + 6)",
    outputs={"mask": 1.0, "bump": 127.5 * METRES_PER_LEVEL},
)
_SIZE = 500
_GENERATOR = "Gnet."
_PARTS = ("weight", "bias")
#: By their names in the file: weight and bias of each layer.
_Layers = dict[str, dict[str, np.ndarray]]


def import_bump2018(path: Path | str, make: Callable[[], EncoderDecoder] | None = None) -> bytes:
    """The ONNX file of a checkpoint, or of the folder that holds CHECKPOINT.

    make: gives the EncoderDecoder that the weights are for; None: the published one. Raises ModelFileError.
    """
    image = np.random.default_rng(0).integers(0, 256, (1, _SIZE, _SIZE, 3), np.uint8)
    return import_published(_PUBLISHED, path, lambda weights: _network(weights, make), image)


def _network(weights: Path, make):
    """The network with a checkpoint's weights, ready to run."""
    import torch

    from extreme3d_ros.networks.published_bump import PublishedBumpNetwork

    network = PublishedBumpNetwork(make() if make else None).eval()
    state = _matched(_layers(_generator(read_checkpoint(weights).tensors)), network.maps)
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
        raise Broken(f"it holds no weights named {_GENERATOR}{has}")
    if len(found) > 1:
        raise Broken(f"it holds {len(found)} generators, {few(list(found))}, not one")
    return next(iter(found.values()))


def _layers(tensors: dict[str, np.ndarray]) -> _Layers:
    """Convolutions in the file's order."""
    layers: _Layers = {}
    for name, array in tensors.items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[part] = array
    for layer, parts in layers.items():
        if set(parts) != set(_PARTS):
            raise Broken(f"{_shown(layer)} has {few(sorted(parts))}, not weight and bias alone")
    return layers


def _matched(layers: _Layers, maps) -> dict[str, np.ndarray]:
    """A state dict of our network: a file's n-th layer is our n-th.

    Of the heads' layers two orders are known: each last convolution after its own block, or both after both blocks.
    """
    state = maps.state_dict()
    own = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    if len(layers) != len(own):
        raise Broken(f"its generator has {len(layers)} convolutions, and Table 2's has {len(own)}")
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
    raise Broken(misfit)


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
        raise Broken(f"{_shown(name)} is not finite")
    return single


def _shown(layer: str) -> str:
    return _GENERATOR + few([layer])
