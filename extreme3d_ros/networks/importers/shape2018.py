"""The identity network of the CVPR 2018 release (INTEROP.md) made an ONNX file: `shape_model.pth`, a whole pickled
module, and `shape_mean.npz`, its mean image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from extreme3d_ros.networks.importers.checkpoint import read_checkpoint
from extreme3d_ros.networks.importers.onnx_file import Published, few, import_published
from extreme3d_ros.untrusted.broken import Broken
from extreme3d_ros.untrusted.npz import read_npz

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS, MEAN = "shape_model.pth", "shape_mean.npz"
_PUBLISHED = Published(
    name="shape2018",
    file=WEIGHTS,
    wanted=f"{WEIGHTS}, with {MEAN} beside it, or their folder",
    given="image (1, 3, 224, 224) float32: the published 500-pixel face crop at 224 pixels, BGR 0..255",
    answer="shape (1, 99) and texture (1, 99) float32: the Basel Face Model's coefficients, standard deviations",
    outputs={"shape": 1.0, "texture": 1.0},
)
_SIZE = 224
#: What a file's layers may say of themselves; hardly a layer has more.
_TAKEN, _MOST = ("stride", "padding", "dilation", "eps"), 8
#: Pooling has no weights that would show a difference: what our network does, and torchvision's does alike.
_POOLS = {"maxpool": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": 0}, "avgpool": {"kernel_size": 7}}


def import_shape2018(path: Path | str, make: Callable[[Tensor], nn.Module] | None = None) -> bytes:
    """The ONNX file of a checkpoint: a folder that holds both files, or WEIGHTS with MEAN beside it. The mean image is
    in it, batch normalisation folded into the convolutions.

    make: of a mean image the network that the weights are for; None: the published one. Raises ModelFileError.
    """
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, _SIZE, _SIZE)).astype(np.float32)
    return import_published(_PUBLISHED, path, lambda weights: _network(weights, make), image)


def _read_mean(path: Path) -> np.ndarray:
    """(3, 224, 224) float32, BGR 0..255, of the file's only array, whatever its name: also (224, 224, 3) or (3,)."""
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise Broken(f"{path.name} is not readable: {error}") from None
    if len(arrays) != 1:
        raise Broken(f"{path.name} holds {len(arrays)} arrays, not the mean image alone")
    (mean,) = arrays.values()
    if mean.shape == (_SIZE, _SIZE, 3):
        mean = mean.transpose(2, 0, 1)
    elif mean.shape == (3,):
        mean = np.tile(mean[:, None, None], (1, _SIZE, _SIZE))
    if mean.shape != (3, _SIZE, _SIZE) or mean.dtype.kind not in "fiu":
        raise Broken(f"the mean in {path.name} has the shape {mean.shape}, type {mean.dtype}")
    # A mean of pixels in 0..1 would pass unseen, and the coefficients be wrong.
    if not (np.isfinite(mean).all() and mean.min() >= 0 and 1 < mean.max() <= 255):
        raise Broken(f"the mean in {path.name} is no mean of images in 0..255")
    return np.ascontiguousarray(mean, np.float32)


def _network(weights: Path, make):
    """The network with a checkpoint's weights, ready to run."""
    import torch

    from extreme3d_ros.networks.shape import IdentityNetwork

    mean, checkpoint = torch.from_numpy(_read_mean(weights.with_name(MEAN))), read_checkpoint(weights)
    network = (make(mean) if make else IdentityNetwork(mean=mean)).eval()
    prefix = _prefix(checkpoint.tensors)
    tensors = {name.removeprefix(prefix): array for name, array in checkpoint.tensors.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}  # PyTorch before 0.4.1 has none
    _check_fit(tensors, wanted, counters)
    if not checkpoint.settings:
        raise Broken("it holds no module, which would tell its layers' strides")
    # A copy: the arrays of a file may be read-only.
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
    network.load_state_dict(state | {name: torch.tensor(0) for name in counters})
    _take_settings(network, {name.removeprefix(prefix): value for name, value in checkpoint.settings.items()})
    return network


def _prefix(tensors) -> str:
    """What stands before the network's own names, `module.` for one."""
    first = "conv1.weight"
    before = [name.removesuffix(first) for name in tensors if name == first or name.endswith(f".{first}")]
    return min(before, key=len, default="")


def _check_fit(tensors, wanted, counters) -> None:
    """Raises Broken, naming the first tensors that are missing, too many, or of another shape."""
    missing = [name for name in wanted if name not in tensors and name not in counters]
    strange = [name for name in tensors if name not in wanted]
    if missing or strange:
        parts = [f"{kind} {few(names)}" for kind, names in (("without", missing), ("with", strange)) if names]
        raise Broken(f"it is no ResNet-101 with torchvision's names: {' and '.join(parts)}")
    for name, array in tensors.items():
        if array.shape != wanted[name]:
            raise Broken(f"{name} has the shape {array.shape}, not {wanted[name]}")
        if not np.isfinite(array).all():
            raise Broken(f"{name} is not finite")


def _take_settings(network, settings: dict[str, np.ndarray]) -> None:
    """Gives layers the strides, paddings and the like of the file's own: a network that came from Caffe strides in a
    block's first convolution, torchvision's in its second, and their weights have the same shapes."""
    layers = dict(network.named_modules())
    for name, value in settings.items():
        layer, _, key = name.rpartition(".")
        if layer in layers and key in _TAKEN and hasattr(layers[layer], key):
            if not (0 <= value).all() & (value <= _MOST).all():
                raise Broken(f"{few([name])} is {value.tolist()}")
            pair = tuple(np.broadcast_to(value.astype(int), 2).tolist())
            setattr(layers[layer], key, float(value[0]) if key == "eps" else pair)
        wanted = _POOLS.get(layer, {}).get(key)
        if wanted is not None and (value != wanted).any():
            raise Broken(f"{name} is {value.tolist()}, not {wanted}")
