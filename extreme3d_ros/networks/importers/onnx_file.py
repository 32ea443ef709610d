"""A published network made an ONNX file: its checkpoint announced, read, exported, and the result compared."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extreme3d_ros.engines import OnnxEngine
from extreme3d_ros.errors import ModelFileError, reason
from extreme3d_ros.untrusted.broken import Broken, importing
from extreme3d_ros.untrusted.npz import LARGEST
from extreme3d_ros.untrusted.regular_file import read_regular

if TYPE_CHECKING:
    from torch import nn

_OPSET = 17


#: How far ONNX Runtime's numbers may lie from PyTorch's, as a part of the largest.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Published:
    """A network of the CVPR 2018 release. name: of what is made of it; file: of its weights; wanted: all its files, for
    messages; given, answer: its input, `image`, and its outputs in words; outputs: their names, and what the largest
    number of each is at least taken for."""

    name: str
    file: str
    wanted: str
    given: str
    answer: str
    outputs: dict[str, float]


def import_published(
    published: Published, path: Path | str, read: Callable[[Path], nn.Module], image: np.ndarray
) -> bytes:
    """The ONNX file. path: of the weights, or of the folder that holds them; read: of the weights' path the network,
    ready to run; image: any that it takes. Raises ModelFileError."""
    path = Path(path)
    weights = path / published.file if path.is_dir() else path
    with importing(published.name, weights, f"the CVPR 2018 release's {published.wanted}"):
        metadata = _metadata(published, weights, announce(weights))
        _require_packages()
        network = read(weights)
        data = _exported(network, image, list(published.outputs), metadata)
        _require_close(data, network, image, published.outputs)
        return data


def announce(path: Path) -> str:
    """Says on stderr what is about to be read; gives its SHA-256. Raises OSError."""
    data = read_regular(path, LARGEST)
    digest = hashlib.sha256(data).hexdigest()
    print(
        f"reading {path} ({len(data) / 1e6:.1f} MB, SHA-256 {digest}): a pickle, read in a process of its own which "
        "runs nothing of it",
        file=sys.stderr,
    )
    return digest


def _require_packages() -> None:
    """Raises ModelFileError where a package is missing that importing takes."""
    missing = [name for name in ("torch", "onnx", "onnxruntime") if not find_spec(name)]
    if missing:
        remedy = "pip install 'extreme3d_ros[importers]'"
        raise ModelFileError(f"importing a network needs {', '.join(missing)}: {remedy}")


def few(names: list[str]) -> str:
    """The first of a file's names, for a message; a hostile file's may hold anything, line ends too."""
    shown = ", ".join(ascii(name[:60])[1:-1] for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _metadata(published: Published, weights: Path, digest: str) -> dict[str, str]:
    return {
        "name": published.name,
        "origin": f"{weights.name} of Tran et al., CVPR 2018, converted by extreme3d_ros",
        "source_sha256": digest,
        "input": published.given,
        "output": published.answer,
    }


def _exported(network: nn.Module, image: np.ndarray, outputs: list[str], metadata: dict[str, str]) -> bytes:
    """Its weights are in single precision: halves would take half the disk, and hide a wrong export behind their
    rounding."""
    import onnx
    import torch

    data: Any = io.BytesIO()  # PyTorch's types know paths alone; the exporter that is taken writes into files too
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that PyTorch would rather have used needs another package, and gives no other file.
        warnings.simplefilter("ignore", DeprecationWarning)
        settings: dict[str, Any] = {"input_names": ["image"], "output_names": outputs, "dynamo": False}
        try:
            torch.onnx.export(network, (torch.from_numpy(image),), data, opset_version=_OPSET, **settings)
        except RuntimeError as error:
            raise Broken(f"its layers do not fit together: {reason(error)}") from None
    model = onnx.load_from_string(data.getvalue())
    onnx.helper.set_model_props(model, metadata)
    return model.SerializeToString()


def _require_close(data: bytes, network: nn.Module, image: np.ndarray, outputs: dict[str, float]) -> None:
    """Raises Broken where ONNX Runtime's numbers are off PyTorch's."""
    import torch

    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(data)
        file.flush()
        got = OnnxEngine(Path(file.name))(image=image)
    with torch.no_grad():
        wanted = [value.numpy() for value in network(torch.from_numpy(image))]
    for (name, least), want in zip(outputs.items(), wanted):
        off = np.abs(got[name] - want).max() / max(least, np.abs(want).max())
        if not off <= TOLERANCE:
            raise Broken(f"ONNX Runtime's {name} is off PyTorch's by {off:.2g}")
